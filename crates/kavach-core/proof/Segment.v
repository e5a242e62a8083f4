(** Segments of a pattern, as in `segment.rs`. *)

From Coq Require Import String List Bool.
From Kavach Require Import Text.

Inductive segment :=
| Exact (text : string)
| Prefix (text : string)
| Any.

(** [Segment::matches] *)
Definition segment_matches (segment : segment) (text : string) : bool :=
  match segment with
  | Exact exact => String.eqb exact text
  | Prefix prefix => starts_with prefix text
  | Any => true
  end.

(** [Segment::contains] *)
Definition segment_contains (mine its : segment) : bool :=
  match mine, its with
  | Any, _ => true
  | Prefix prefix, Exact text | Prefix prefix, Prefix text => starts_with prefix text
  | Exact exact, Exact text => String.eqb exact text
  | Exact _, Prefix _ | Exact _, Any | Prefix _, Any => false
  end.

(** [Segment::meet] *)
Definition segment_meet (mine its : segment) : option segment :=
  if segment_contains mine its then Some its
  else if segment_contains its mine then Some mine
  else None.

(** Its text, if it has one, is one that [check_segment] lets pass. *)
Definition is_segment (segment : segment) : bool :=
  match segment with
  | Exact text | Prefix text => is_text text
  | Any => true
  end.

Definition is_prefix (segment : segment) : bool :=
  match segment with
  | Prefix _ => true
  | Exact _ | Any => false
  end.

Lemma segment_is_not_empty s :
  is_segment s = true -> exists text, is_text text = true /\ segment_matches s text = true.
Proof.
  destruct s as [text|text|]; cbn; intros H.
  - exists text. now rewrite String.eqb_refl.
  - exists text. now rewrite starts_with_itself.
  - now exists "a"%string.
Qed.

Lemma segment_contains_sound p q text :
  segment_contains p q = true -> segment_matches q text = true -> segment_matches p text = true.
Proof.
  destruct p as [p|p|], q as [q|q|]; cbn; try easy.
  - rewrite !String.eqb_eq. congruence.
  - intros H E. apply String.eqb_eq in E. now subst.
  - apply starts_with_trans.
Qed.

Lemma segment_contains_complete p q :
  is_segment p = true -> is_segment q = true ->
  (forall text, is_text text = true -> segment_matches q text = true -> segment_matches p text = true) ->
  segment_contains p q = true.
Proof.
  destruct p as [p|p|], q as [q|q|]; cbn; try easy; intros P Q H.
  - now rewrite (H q Q (String.eqb_refl q)).
  - exfalso. pose proof (H q Q (starts_with_itself q)) as one.
    pose proof (H _ (longer_is_text q Q) (starts_with_longer q "a")) as two.
    apply String.eqb_eq in one, two. apply (longer_differs q). congruence.
  - exfalso. pose proof (H p P eq_refl) as one.
    pose proof (H _ (longer_is_text p P) eq_refl) as two.
    apply String.eqb_eq in two. now apply (longer_differs p).
  - exact (H q Q (String.eqb_refl q)).
  - exact (H q Q (starts_with_itself q)).
  - exfalso. destruct (other_text p P) as [other [O N]].
    specialize (H other O eq_refl). congruence.
Qed.

Lemma segment_contains_itself s : segment_contains s s = true.
Proof. destruct s; cbn; auto using String.eqb_refl, starts_with_itself. Qed.

Lemma segment_contains_antisym p q :
  segment_contains p q = true -> segment_contains q p = true -> p = q.
Proof.
  destruct p, q; cbn; try easy; rewrite ?String.eqb_eq; intros; f_equal; auto.
  now apply starts_with_antisym.
Qed.

Lemma segment_meet_comm p q : segment_meet p q = segment_meet q p.
Proof.
  unfold segment_meet.
  destruct (segment_contains p q) eqn:A, (segment_contains q p) eqn:B; auto.
  now rewrite (segment_contains_antisym p q).
Qed.

Lemma segment_meet_is_one_of p q m : segment_meet p q = Some m -> m = p \/ m = q.
Proof.
  unfold segment_meet.
  destruct (segment_contains p q); [|destruct (segment_contains q p)];
    intros E; inversion E; auto.
Qed.

Lemma segment_meet_some p q m text :
  segment_meet p q = Some m ->
  segment_matches m text = segment_matches p text && segment_matches q text.
Proof.
  unfold segment_meet.
  destruct (segment_contains p q) eqn:A; [|destruct (segment_contains q p) eqn:B];
    intros E; inversion E; subst m.
  - destruct (segment_matches q text) eqn:G; [|now rewrite andb_false_r].
    now rewrite (segment_contains_sound p q text A G).
  - destruct (segment_matches p text) eqn:G; [|reflexivity].
    now rewrite (segment_contains_sound q p text B G).
Qed.

(** Two segments either nest or have nothing in common. *)
Lemma segment_meet_none p q text :
  segment_meet p q = None -> segment_matches p text && segment_matches q text = false.
Proof.
  unfold segment_meet. intros E. apply not_true_is_false. intros H.
  apply andb_true_iff in H. destruct H as [P Q].
  destruct p as [p|p|], q as [q|q|]; cbn in *; try discriminate;
    rewrite ?String.eqb_eq in *; subst; rewrite ?String.eqb_refl in *;
    rewrite ?P, ?Q in *; try discriminate.
  destruct (prefixes_nest p q text P Q) as [H|H]; rewrite H in E; try discriminate.
  destruct (starts_with p q); discriminate.
Qed.
