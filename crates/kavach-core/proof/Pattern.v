(** Patterns, as in `pattern.rs`, and that `contains` is exact. *)

From Coq Require Import String List Bool Arith Lia.
From Kavach Require Import Text Segment.
Import ListNotations.

Record pattern := Pattern {
  segments : list segment;
  (** Whether one or more further segments follow. *)
  tail : bool;
}.

(** The texts between the colons, the kind first. *)
Definition resource := list string.

Definition is_nil {A} (list : list A) : bool :=
  match list with [] => true | _ :: _ => false end.

(** The grammar, without its bounds on lengths. *)

Definition is_resource (r : resource) : bool :=
  match r with
  | kind :: rest => is_kind kind && forallb is_text (kind :: rest) && negb (is_nil rest)
  | [] => false
  end.

(** INVARIANT (last prefix) *)
Fixpoint prefix_is_last (tail : bool) (list : list segment) : bool :=
  match list with
  | [] => true
  | first :: rest =>
      (negb (is_prefix first) || is_nil rest && negb tail) && prefix_is_last tail rest
  end.

(** INVARIANT (kind first), and what else `FromStr` sees to. *)
Definition is_pattern (p : pattern) : bool :=
  forallb is_segment (segments p) && prefix_is_last (tail p) (segments p)
  && match segments p with
     | [] => tail p
     | Exact kind :: rest => is_kind kind && (tail p || negb (is_nil rest))
     | (Prefix _ | Any) :: _ => false
     end.

(** [Pattern::matches] *)
Fixpoint segments_match (list : list segment) (tail : bool) (texts : resource) : bool :=
  match list with
  | [] => Bool.eqb (negb (is_nil texts)) tail
  | segment :: list =>
      match texts with
      | text :: texts => segment_matches segment text && segments_match list tail texts
      | [] => false
      end
  end.

Definition matches (p : pattern) (r : resource) : bool :=
  segments_match (segments p) (tail p) r.

Definition size (p : pattern) : nat := List.length (segments p).

(** [Pattern::contains] *)
Definition contains (self other : pattern) : bool :=
  (if tail self then
     let needed := size self + (if tail other then 0 else 1) in
     needed <=? size other
   else negb (tail other) && (size other =? size self))
  && forallb (fun pair => segment_contains (fst pair) (snd pair))
       (combine (segments self) (segments other)).

(** No pattern is empty. *)

Lemma segments_are_not_empty list tail :
  forallb is_segment list = true ->
  exists texts, forallb is_text texts = true /\ segments_match list tail texts = true.
Proof.
  induction list as [|s list IH]; cbn.
  - destruct tail; [now exists ["a"%string] | now exists []].
  - rewrite andb_true_iff. intros [S L].
    destruct (segment_is_not_empty s S) as [t [T M]]. destruct (IH L) as [ts [Ts Ms]].
    exists (t :: ts). cbn. now rewrite T, Ts, M, Ms.
Qed.

(** What a pattern that begins with a kind matches is a resource if its texts are texts. *)
Lemma matched_is_resource kind list tail texts :
  is_kind kind = true -> is_text kind = true -> tail || negb (is_nil list) = true ->
  forallb is_text texts = true -> segments_match list tail texts = true ->
  is_resource (kind :: texts) = true.
Proof.
  intros K T L Ts M. unfold is_resource. cbn [forallb]. rewrite K, T, Ts. cbn.
  destruct texts; [|reflexivity]. destruct list, tail; cbn in *; discriminate.
Qed.

Theorem pattern_is_not_empty p :
  is_pattern p = true -> exists r, is_resource r = true /\ matches p r = true.
Proof.
  destruct p as [[|[kind| |] list] tail]; unfold is_pattern, matches; cbn - [is_text is_kind];
    rewrite ?andb_false_r; try discriminate.
  - intros ->. now exists ["mcp"; "a"]%string.
  - rewrite !andb_true_iff. intros [[[T S] _] [K L]].
    destruct (segments_are_not_empty list tail S) as [texts [Ts M]].
    exists (kind :: texts). split; [now apply matched_is_resource with list tail|].
    now rewrite String.eqb_refl, M.
Qed.

(** `contains` is exact. *)

(** [contains] on what stands in the two patterns. *)
Definition segments_contain (ps : list segment) (tp : bool) (qs : list segment) (tq : bool) : bool :=
  contains (Pattern ps tp) (Pattern qs tq).

Lemma segments_contain_cons p ps tp q qs tq :
  segments_contain (p :: ps) tp (q :: qs) tq
  = segment_contains p q && segments_contain ps tp qs tq.
Proof.
  unfold segments_contain, contains, size; cbn.
  rewrite !andb_assoc, (andb_comm (segment_contains p q)). reflexivity.
Qed.

Lemma segments_contain_sound ps tp qs tq texts :
  segments_contain ps tp qs tq = true ->
  segments_match qs tq texts = true -> segments_match ps tp texts = true.
Proof.
  revert qs texts; induction ps as [|p ps IH]; intros [|q qs] texts.
  - unfold segments_contain, contains; destruct tp, tq, texts; cbn; easy.
  - unfold segments_contain, contains; destruct tp, tq, texts; cbn; easy.
  - unfold segments_contain, contains, size; destruct tp, tq; cbn; easy.
  - rewrite segments_contain_cons, andb_true_iff. intros [C Cs].
    destruct texts as [|t texts]; cbn; [easy|]. rewrite !andb_true_iff. intros [M Ms].
    split; [now apply segment_contains_sound with q | now apply IH with qs].
Qed.

Lemma segments_contain_complete ps tp qs tq :
  forallb is_segment ps = true -> forallb is_segment qs = true ->
  (forall texts, forallb is_text texts = true ->
     segments_match qs tq texts = true -> segments_match ps tp texts = true) ->
  segments_contain ps tp qs tq = true.
Proof.
  revert qs; induction ps as [|p ps IH]; intros [|q qs] P Q H.
  - pose proof (H [] eq_refl) as none. pose proof (H ["a"%string] eq_refl) as one.
    destruct tp, tq; cbn in *; try reflexivity; exfalso; intuition congruence.
  - destruct tp; [destruct tq; reflexivity|]. exfalso.
    destruct (segments_are_not_empty (q :: qs) tq Q) as [texts [T M]].
    pose proof (H texts T M) as E. destruct texts; discriminate.
  - exfalso. destruct tq.
    + pose proof (H ["a"%string] eq_refl eq_refl) as one.
      pose proof (H ["a"%string; "a"%string] eq_refl eq_refl) as two.
      cbn in one, two. rewrite !andb_true_iff in *. destruct one as [_ one], two as [_ two].
      destruct ps; [|discriminate]. destruct tp; cbn in *; discriminate.
    + specialize (H [] eq_refl eq_refl). discriminate.
  - cbn in P, Q. rewrite !andb_true_iff in *. destruct P as [P Ps], Q as [Q Qs].
    rewrite segments_contain_cons, andb_true_iff. split.
    + destruct (segments_are_not_empty qs tq Qs) as [texts [Ts Ms]].
      apply segment_contains_complete; auto. intros t T M.
      assert (E : segments_match (p :: ps) tp (t :: texts) = true)
        by (apply H; cbn; now rewrite ?T, ?Ts, ?M, ?Ms).
      cbn in E. now apply andb_true_iff in E.
    + destruct (segment_is_not_empty q Q) as [t [T M]].
      apply IH; auto. intros texts Ts Ms.
      assert (E : segments_match (p :: ps) tp (t :: texts) = true)
        by (apply H; cbn; now rewrite ?T, ?Ts, ?M, ?Ms).
      cbn in E. now apply andb_true_iff in E.
Qed.

Theorem contains_exact p q :
  is_pattern p = true -> is_pattern q = true ->
  contains p q = true
  <-> (forall r, is_resource r = true -> matches q r = true -> matches p r = true).
Proof.
  intros P Q. split.
  - intros C r _. destruct p, q. now apply segments_contain_sound.
  - destruct p as [ps tp], q as [[|q qs] tq].
    + (* `**` is in nothing but itself, since there is more than one kind. *)
      intros H. assert (tq = true) as -> by (apply andb_true_iff in Q; apply Q).
      destruct ps as [|[kind| |] ps]; unfold is_pattern in P; cbn - [is_kind is_text] in P;
        rewrite ?andb_false_r in P; try discriminate.
      * now subst tp.
      * exfalso. destruct (other_kind kind) as [other [K [T N]]].
        assert (E : matches (Pattern (Exact kind :: ps) tp) [other; "a"%string] = true).
        { apply H; [|reflexivity]. unfold is_resource. cbn [forallb]. now rewrite K, T. }
        cbn in E. apply andb_true_iff in E. destruct E as [E _].
        apply String.eqb_eq in E. congruence.
    + intros H. unfold is_pattern in P, Q. cbn [segments tail] in P, Q.
      destruct q as [kind| |]; rewrite ?andb_false_r in Q; try discriminate.
      cbn [forallb is_segment] in Q. rewrite !andb_true_iff in P; rewrite !andb_true_iff in Q.
      destruct P as [[P _] first], Q as [[[T Q] _] [K L]].
      destruct ps as [|[mine| |] ps]; try discriminate.
      * subst tp. destruct tq; reflexivity.
      * change (segments_contain (Exact mine :: ps) tp (Exact kind :: qs) tq = true).
        cbn [forallb] in P. apply andb_true_iff in P. destruct P as [_ P].
        assert (E : forall texts, forallb is_text texts = true ->
                    segments_match qs tq texts = true ->
                    segments_match (Exact mine :: ps) tp (kind :: texts) = true).
        { intros texts Ts M. apply (H (kind :: texts)).
          - now apply matched_is_resource with qs tq.
          - unfold matches; cbn. now rewrite String.eqb_refl. }
        rewrite segments_contain_cons, andb_true_iff. split.
        -- destruct (segments_are_not_empty qs tq Q) as [texts [Ts M]].
           specialize (E texts Ts M). cbn in E |- *. now apply andb_true_iff in E.
        -- apply segments_contain_complete; auto. intros texts Ts M.
           specialize (E texts Ts M). cbn in E. now apply andb_true_iff in E.
Qed.

Lemma segments_contain_itself ps tp : segments_contain ps tp ps tp = true.
Proof.
  induction ps.
  - now destruct tp.
  - now rewrite segments_contain_cons, segment_contains_itself.
Qed.

Lemma segments_contain_antisym ps tp qs tq :
  segments_contain ps tp qs tq = true -> segments_contain qs tq ps tp = true ->
  ps = qs /\ tp = tq.
Proof.
  revert qs; induction ps as [|p ps IH]; intros [|q qs].
  - destruct tp, tq; easy.
  - destruct tp, tq; easy.
  - destruct tp, tq; easy.
  - rewrite !segments_contain_cons, !andb_true_iff. intros [A As] [B Bs].
    destruct (IH qs As Bs) as [-> ->]. now rewrite (segment_contains_antisym p q).
Qed.

(** A set of resources has one pattern at most. *)
Theorem same_resources_same_pattern p q :
  is_pattern p = true -> is_pattern q = true ->
  (forall r, is_resource r = true -> matches p r = matches q r) -> p = q.
Proof.
  intros P Q E.
  assert (A : contains p q = true) by (apply contains_exact; auto; intros; now rewrite E).
  assert (B : contains q p = true) by (apply contains_exact; auto; intros; now rewrite <- E).
  destruct p as [ps tp], q as [qs tq].
  destruct (segments_contain_antisym ps tp qs tq A B) as [-> ->]. reflexivity.
Qed.
