(** How long a pattern is when it is printed, and what [Pattern::meet] leaves out because of it. *)

From Coq Require Import String List Bool Arith Lia.
From Kavach Require Import Text Segment Pattern Meet.
Import ListNotations.

(** [Display for Segment], as part of [Display for Pattern] *)
Definition print_segment (s : segment) : string :=
  match s with
  | Exact text => text
  | Prefix text => text ++ "*"
  | Any => "*"
  end%string.

(** [Display for Pattern] *)
Definition print (p : pattern) : string :=
  String.concat ":" (map print_segment (segments p) ++ if tail p then ["**"%string] else []).

(** [Resource::as_str] *)
Definition print_resource (r : resource) : string := String.concat ":" r.

Definition bytes_max : nat := 512.

(** [Pattern::meet] *)
Definition meet_within (p q : pattern) : option pattern :=
  match meet p q with
  | Some m => if String.length (print m) <=? bytes_max then Some m else None
  | None => None
  end.

Lemma length_append a b : String.length (a ++ b) = String.length a + String.length b.
Proof. induction a; cbn; auto. Qed.

Lemma length_concat first second rest :
  String.length (String.concat ":" (first :: second :: rest))
  = String.length first + 1 + String.length (String.concat ":" (second :: rest)).
Proof. cbn [String.concat]. rewrite !length_append. cbn [String.length]. lia. Qed.

Lemma starts_with_length prefix text :
  starts_with prefix text = true -> String.length prefix <= String.length text.
Proof. rewrite starts_with_spec. intros [rest ->]. rewrite length_append. lia. Qed.

Lemma print_segment_length s text :
  is_text text = true -> segment_matches s text = true ->
  String.length (print_segment s) <= String.length text + (if is_prefix s then 1 else 0).
Proof.
  intros T. destruct s as [t|t|]; cbn.
  - rewrite String.eqb_eq. intros ->. lia.
  - intros H. apply starts_with_length in H. rewrite length_append. cbn. lia.
  - intros _. destruct text; cbn; [discriminate T | lia].
Qed.

Definition printed (list : list segment) (tail : bool) : resource :=
  map print_segment list ++ if tail then ["**"%string] else [].

Lemma printed_length list tail texts :
  forallb is_text texts = true -> prefix_is_last tail list = true ->
  segments_match list tail texts = true ->
  String.length (String.concat ":" (printed list tail))
  <= String.length (String.concat ":" texts) + 1.
Proof.
  revert texts; induction list as [|s list IH]; intros texts T L M.
  - destruct tail; cbn; [|lia]. destruct texts as [|t [|t' texts]]; cbn in *; try discriminate.
    + destruct t; [discriminate T | cbn; lia].
    + rewrite !length_append. cbn. lia.
  - destruct texts as [|t texts]; [discriminate|]. cbn in T, L, M.
    rewrite !andb_true_iff in T; rewrite !andb_true_iff in L; rewrite !andb_true_iff in M.
    destruct T as [T Ts], L as [L Ls], M as [M Ms].
    pose proof (print_segment_length s t T M) as one. specialize (IH texts Ts Ls Ms).
    destruct texts as [|t' texts].
    + assert (printed list tail = []) as E
        by (destruct list as [|? list]; [now destruct tail | discriminate]).
      unfold printed in *. cbn [map app]. rewrite E. cbn. destruct (is_prefix s); lia.
    + rewrite length_concat. unfold printed in *. cbn [map app].
      destruct (map print_segment list ++ _) as [|second rest] eqn:E;
        [cbn; destruct (is_prefix s); lia|].
      rewrite length_concat. destruct (is_prefix s); cbn in L; [|lia].
      apply andb_true_iff in L. destruct L as [N F]. destruct list, tail; try discriminate.
Qed.

(** The bound leaves out no resource of less than 512 bytes. *)
Theorem meet_within_exact p q r :
  is_pattern p = true -> is_pattern q = true -> is_resource r = true ->
  String.length (print_resource r) < bytes_max ->
  matches_option (meet_within p q) r = matches p r && matches q r.
Proof.
  intros P Q R L. unfold meet_within. destruct (meet p q) as [m|] eqn:M; cbn [matches_option].
  - rewrite <- (meet_some p q m r M). destruct (_ <=? _) eqn:B; [reflexivity|].
    apply Nat.leb_gt in B. symmetry. apply not_true_is_false. intros E.
    pose proof (meet_is_pattern p q m P Q M) as W. unfold is_pattern in W.
    rewrite !andb_true_iff in W. destruct W as [[_ W] _].
    assert (T : forallb is_text r = true).
    { destruct r; [reflexivity|]. unfold is_resource in R. rewrite !andb_true_iff in R. apply R. }
    pose proof (printed_length _ _ _ T W E) as H.
    unfold print, print_resource, printed in *. lia.
  - symmetry. now apply meet_none.
Qed.

(** And it never adds one. *)
Theorem meet_within_sound p q m r :
  meet_within p q = Some m -> matches m r = matches p r && matches q r.
Proof.
  unfold meet_within. destruct (meet p q) as [m'|] eqn:M; [|discriminate].
  destruct (_ <=? _); intros E; inversion E; subst. now apply meet_some.
Qed.
