(** A pattern and actions, as in `permission.rs`, and what a list of them allows. The constraints of a
    permission are not here: see [Line]. *)

From Coq Require Import String List Bool Arith Lia.
From Kavach Require Import Text Segment Pattern Meet Action.
Import ListNotations.

Record permission := Permission {
  of_pattern : pattern;
  of_actions : actions;
}.

Definition is_permission (p : permission) : bool :=
  is_pattern (of_pattern p) && is_actions (of_actions p).

(** [Permission::matches] *)
Definition permission_matches (p : permission) (action : string) (r : resource) : bool :=
  actions_match (of_actions p) action && matches (of_pattern p) r.

(** [Permission::contains], without constraints. *)
Definition permission_contains (self other : permission) : bool :=
  contains (of_pattern self) (of_pattern other)
  && actions_contain (of_actions self) (of_actions other).

(** [Permission::meet], without constraints. *)
Definition permission_meet (self other : permission) : option permission :=
  match meet (of_pattern self) (of_pattern other) with
  | Some pattern =>
      match actions_meet (of_actions self) (of_actions other) with
      | Some actions => Some (Permission pattern actions)
      | None => None
      end
  | None => None
  end.

Theorem permission_contains_exact p q :
  is_permission p = true -> is_permission q = true ->
  permission_contains p q = true
  <-> (forall action r, is_action action = true -> is_resource r = true ->
         permission_matches q action r = true -> permission_matches p action r = true).
Proof.
  unfold is_permission, permission_contains, permission_matches.
  rewrite !andb_true_iff. intros [Pp Pa] [Qp Qa].
  rewrite contains_exact, actions_contain_exact by assumption. split.
  - intros [H G] action r A R. rewrite !andb_true_iff. intros [B S]. auto.
  - intros H. split.
    + intros r R M. destruct (actions_are_not_empty _ Qa) as [action [A B]].
      specialize (H action r A R). rewrite B, M in H. specialize (H eq_refl).
      now apply andb_true_iff in H.
    + intros action A B. destruct (pattern_is_not_empty _ Qp) as [r [R M]].
      specialize (H action r A R). rewrite B, M in H. specialize (H eq_refl).
      now apply andb_true_iff in H.
Qed.

Theorem permission_meet_some p q m action r :
  permission_meet p q = Some m ->
  permission_matches m action r = permission_matches p action r && permission_matches q action r.
Proof.
  unfold permission_meet, permission_matches.
  destruct (meet _ _) as [pattern|] eqn:P; [|discriminate].
  destruct (actions_meet _ _) as [actions|] eqn:A; intros E; inversion E; subst m; cbn.
  rewrite (meet_some _ _ _ r P), (actions_meet_some _ _ _ action A).
  destruct (actions_match (of_actions p) action), (actions_match (of_actions q) action),
    (matches (of_pattern p) r), (matches (of_pattern q) r); reflexivity.
Qed.

Theorem permission_meet_none p q action r :
  permission_meet p q = None ->
  permission_matches p action r && permission_matches q action r = false.
Proof.
  unfold permission_meet, permission_matches.
  destruct (meet _ _) as [pattern|] eqn:P.
  - destruct (actions_meet _ _) as [actions|] eqn:A; [discriminate|]. intros _.
    pose proof (actions_meet_none _ _ action A) as E.
    destruct (actions_match (of_actions p) action); cbn in *; [rewrite E|reflexivity].
    now rewrite andb_false_r.
  - intros _. pose proof (meet_none _ _ r P) as E.
    destruct (matches (of_pattern p) r); cbn in *; [|now rewrite andb_false_r].
    now rewrite E, !andb_false_r.
Qed.

Theorem permission_meet_is_permission p q m :
  is_permission p = true -> is_permission q = true ->
  permission_meet p q = Some m -> is_permission m = true.
Proof.
  unfold is_permission, permission_meet. rewrite !andb_true_iff. intros [Pp Pa] [Qp Qa].
  destruct (meet _ _) as [pattern|] eqn:P; [|discriminate].
  destruct (actions_meet _ _) as [actions|] eqn:A; intros E; inversion E; subst m; cbn. split.
  - now apply (meet_is_pattern (of_pattern p) (of_pattern q)).
  - now apply (actions_meet_is_actions (of_actions p) (of_actions q)).
Qed.

(** Lists of permissions. *)

Definition allows (list : list permission) (action : string) (r : resource) : bool :=
  existsb (fun p => permission_matches p action r) list.

(** [met] of `narrow.rs`, before those are dropped that another one contains. *)
Definition all_meets (some others : list permission) : list permission :=
  flat_map (fun one => filter_map (permission_meet one) others) some.

Lemma filter_map_In {A B} (f : A -> option B) items found :
  In found (filter_map f items) <-> exists item, In item items /\ f item = Some found.
Proof.
  induction items as [|first rest IH]; cbn.
  - split; [easy | now intros [item [[] _]]].
  - destruct (f first) as [b|] eqn:E; cbn; rewrite IH; split.
    + intros [<-|[item [I F]]]; eauto.
    + intros [item [[<-|I] F]]; [left; congruence | eauto].
    + intros [item [I F]]; eauto.
    + intros [item [[<-|I] F]]; [congruence | eauto].
Qed.

(** Narrowing is a meet: the pieces allow what both lists allow, all of it and nothing else. *)
Theorem all_meets_exact some others action r :
  allows (all_meets some others) action r = allows some action r && allows others action r.
Proof.
  apply eq_true_iff_eq. unfold allows, all_meets.
  rewrite andb_true_iff, !existsb_exists. split.
  - intros [m [I M]]. apply in_flat_map in I. destruct I as [one [I J]].
    apply filter_map_In in J. destruct J as [other [J E]].
    rewrite (permission_meet_some one other m action r E), andb_true_iff in M.
    split; [exists one | exists other]; tauto.
  - intros [[one [I A]] [other [J B]]].
    destruct (permission_meet one other) as [m|] eqn:E.
    + exists m. split.
      * apply in_flat_map. exists one. split; [exact I|]. apply filter_map_In. now exists other.
      * now rewrite (permission_meet_some one other m action r E), A, B.
    + pose proof (permission_meet_none one other action r E) as N. now rewrite A, B in N.
Qed.

(** Dropping a permission that another one contains changes nothing. *)
Theorem contained_may_go p q list action r :
  permission_contains p q = true -> In p list ->
  allows (q :: list) action r = allows list action r.
Proof.
  unfold permission_contains. rewrite andb_true_iff. intros [C A] I. cbn.
  destruct (permission_matches q action r) eqn:M; [|reflexivity]. cbn. symmetry.
  unfold allows. apply existsb_exists. exists p. split; [exact I|].
  unfold permission_matches in *. apply andb_true_iff in M. destruct M as [MA MP].
  apply andb_true_iff. split.
  - destruct (of_actions p) as [one|], (of_actions q) as [two|]; cbn in *; auto; try discriminate.
    rewrite forallb_forall in A. now apply A, listed_spec.
  - destruct (of_pattern p), (of_pattern q). now apply segments_contain_sound with (2 := MP).
Qed.
