(** What a union of patterns covers, as in [Pattern::left_open]: strict narrowing accepts no more.

    The other direction is not proven. It holds over an unbounded alphabet; over bytes, `a*` is also `a`
    and 256 longer prefixes together, one more than a holder has room for. *)

From Coq Require Import String List Bool Arith Lia.
From Kavach Require Import Text Segment Pattern.
Import ListNotations.

(** [Pattern::left_open] for one action, `others` being the patterns that allow it: whether it is settled.
    Each step makes the pattern longer, so that as many steps as the longest of `others` has segments are
    enough. *)
Fixpoint settled (steps : nat) (self : pattern) (others : list pattern) : bool :=
  existsb (fun other => contains other self) others
  || match steps with
     | 0 => false
     | S steps =>
         let longest := list_max (map size others) in
         let longer := segments self ++ [Any] in
         (tail self && negb (is_nil (segments self)) && (size self <? longest))
         && settled steps (Pattern longer false) others
         && settled steps (Pattern longer true) others
     end.

(** One segment more, or more than one. *)
Lemma a_tail_splits list texts :
  segments_match list true texts
  = segments_match (list ++ [Any]) false texts || segments_match (list ++ [Any]) true texts.
Proof.
  revert texts; induction list as [|s list IH]; intros [|t texts]; cbn; auto.
  - now destruct texts.
  - rewrite IH. now destruct (segment_matches s t).
Qed.

Theorem settled_is_covered steps self others r :
  settled steps self others = true -> matches self r = true ->
  existsb (fun other => matches other r) others = true.
Proof.
  revert self; induction steps as [|steps IH]; intros self; cbn; rewrite orb_true_iff; intros [C|C] M;
    try discriminate.
  1, 2: apply existsb_exists in C; destruct C as [other [I C]]; apply existsb_exists; exists other;
    split; [exact I|]; destruct self, other; now apply segments_contain_sound with (2 := M).
  rewrite !andb_true_iff in C. destruct C as [[[[T _] _] exact] longer].
  unfold matches in M. rewrite T, a_tail_splits, orb_true_iff in M.
  destruct M as [M|M]; [now apply (IH _ exact) | now apply (IH _ longer)].
Qed.
