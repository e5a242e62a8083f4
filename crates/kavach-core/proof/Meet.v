(** The meet of patterns, as in `pattern.rs`: it is exact, and that of a semilattice. *)

From Coq Require Import String List Bool Arith Lia.
From Kavach Require Import Text Segment Pattern.
Import ListNotations.

Definition is_some {A} (option : option A) : bool :=
  match option with Some _ => true | None => false end.

Fixpoint filter_map {A B} (f : A -> option B) (items : list A) : list B :=
  match items with
  | [] => []
  | first :: rest =>
      match f first with
      | Some found => found :: filter_map f rest
      | None => filter_map f rest
      end
  end.

(** [Pattern::by_length] *)
Definition by_length (self other : pattern) : pattern * pattern :=
  if size self <=? size other then (self, other) else (other, self).

(** [Pattern::overlaps] *)
Definition overlaps (self other : pattern) : bool :=
  let (short, long) := by_length self other in
  let lengths :=
    match tail short, tail long with
    | true, true => true
    | true, false => size short <? size long
    | false, false => size short =? size long
    | false, true => false
    end in
  lengths
  && forallb (fun pair => is_some (segment_meet (fst pair) (snd pair)))
       (combine (segments short) (segments long)).

(** [Pattern::meet], without its bound of 512 bytes; with it, see [Length]. *)
Definition meet (self other : pattern) : option pattern :=
  if overlaps self other then
    let (short, long) := by_length self other in
    let shared := combine (segments short) (segments long) in
    let rest := skipn (size short) (segments long) in
    Some
      {| segments := filter_map (fun pair => segment_meet (fst pair) (snd pair)) shared ++ rest;
         tail := tail short && tail long |}
  else None.

(** `meet` is exact. *)

(** What [meet] makes of a shorter list of segments and a longer one. *)
Definition met (short long : list segment) : list segment :=
  filter_map (fun pair => segment_meet (fst pair) (snd pair)) (combine short long)
  ++ skipn (List.length short) long.

Definition all_meet (short long : list segment) : bool :=
  forallb (fun pair => is_some (segment_meet (fst pair) (snd pair))) (combine short long).

Definition lengths_meet (short long : list segment) (ts tl : bool) : bool :=
  match ts, tl with
  | true, true => true
  | true, false => List.length short <? List.length long
  | false, false => List.length short =? List.length long
  | false, true => false
  end.

Lemma met_exact short long ts tl texts :
  List.length short <= List.length long ->
  lengths_meet short long ts tl && all_meet short long = true ->
  segments_match (met short long) (ts && tl) texts
  = segments_match short ts texts && segments_match long tl texts.
Proof.
  revert long texts; induction short as [|s short IH]; intros [|l long] texts.
  - destruct ts, tl, texts; easy.
  - destruct ts; [|destruct tl; easy]. intros _ _. cbn.
    destruct texts; [now rewrite andb_false_r|]. now destruct tl.
  - cbn; lia.
  - intros L H. unfold all_meet in H. cbn in H.
    destruct (segment_meet s l) as [m|] eqn:M; [|now rewrite andb_false_r in H].
    replace (met (s :: short) (l :: long)) with (m :: met short long)
      by (unfold met; cbn; now rewrite M).
    destruct texts as [|t texts]; [reflexivity|]. cbn [segments_match].
    rewrite (segment_meet_some s l m t M), IH; [|cbn in L; lia|].
    + destruct (segment_matches s t), (segment_matches l t); cbn; auto; now rewrite ?andb_false_r.
    + destruct ts, tl; exact H.
Qed.

Lemma not_met short long ts tl texts :
  List.length short <= List.length long ->
  lengths_meet short long ts tl && all_meet short long = false ->
  segments_match short ts texts && segments_match long tl texts = false.
Proof.
  revert long texts; induction short as [|s short IH]; intros [|l long] texts.
  - destruct ts, tl, texts; easy.
  - destruct ts, tl; try discriminate; now destruct texts.
  - cbn; lia.
  - intros L H. destruct texts as [|t texts]; [reflexivity|]. cbn [segments_match].
    unfold all_meet in H. cbn in H. destruct (segment_meet s l) as [m|] eqn:M.
    + assert (E : segments_match short ts texts && segments_match long tl texts = false).
      { apply IH; [cbn in L; lia|]. destruct ts, tl; exact H. }
      destruct (segments_match short ts texts); cbn in E; rewrite ?E, ?andb_false_r; auto.
    + pose proof (segment_meet_none s l t M) as E.
      destruct (segment_matches s t); cbn in E; rewrite ?E, ?andb_false_r; auto.
Qed.

(** Either way round. *)
Lemma meet_cases p q :
  exists short long,
    ((short = p /\ long = q) \/ (short = q /\ long = p))
    /\ size short <= size long
    /\ meet p q =
       (if lengths_meet (segments short) (segments long) (tail short) (tail long)
           && all_meet (segments short) (segments long)
        then Some (Pattern (met (segments short) (segments long)) (tail short && tail long))
        else None).
Proof.
  unfold meet, overlaps, by_length. destruct (size p <=? size q) eqn:L.
  - exists p, q. apply Nat.leb_le in L. now repeat split; auto.
  - exists q, p. apply Nat.leb_gt in L. repeat split; auto. lia.
Qed.

Theorem meet_some p q m r :
  meet p q = Some m -> matches m r = matches p r && matches q r.
Proof.
  destruct (meet_cases p q) as [short [long [W [L ->]]]].
  destruct (_ && _) eqn:C; intros E; inversion E; subst m; unfold matches; cbn.
  rewrite met_exact by assumption. destruct W as [[-> ->]|[-> ->]]; auto using andb_comm.
Qed.

Theorem meet_none p q r :
  meet p q = None -> matches p r && matches q r = false.
Proof.
  destruct (meet_cases p q) as [short [long [W [L ->]]]].
  destruct (_ && _) eqn:C; intros E; [discriminate|]. unfold matches.
  pose proof (not_met _ _ _ _ r L C) as H.
  destruct W as [[-> ->]|[-> ->]]; [exact H | now rewrite andb_comm].
Qed.

(** Patterns are closed under `meet`. *)

Lemma met_is_segments short long :
  forallb is_segment short = true -> forallb is_segment long = true ->
  forallb is_segment (met short long) = true.
Proof.
  revert long; induction short as [|s short IH]; intros [|l long]; try (now cbn).
  cbn. rewrite !andb_true_iff. intros [S Ss] [L Ls]. unfold met; cbn.
  destruct (segment_meet s l) as [m|] eqn:M; cbn; [|now apply IH].
  rewrite andb_true_iff. split; [|now apply IH].
  now destruct (segment_meet_is_one_of s l m M) as [-> | ->].
Qed.

Lemma met_prefix_is_last short long ts tl :
  List.length short <= List.length long ->
  lengths_meet short long ts tl && all_meet short long = true ->
  prefix_is_last ts short = true -> prefix_is_last tl long = true ->
  prefix_is_last (ts && tl) (met short long) = true.
Proof.
  revert long; induction short as [|s short IH]; intros [|l long].
  - now cbn.
  - destruct ts; [now cbn | destruct tl; easy].
  - cbn; lia.
  - intros L H S T. unfold all_meet in H. cbn in H.
    destruct (segment_meet s l) as [m|] eqn:M; [|now rewrite andb_false_r in H].
    replace (met (s :: short) (l :: long)) with (m :: met short long)
      by (unfold met; cbn; now rewrite M).
    cbn [prefix_is_last] in *. rewrite !andb_true_iff in S; rewrite !andb_true_iff in T.
    destruct S as [s_last S], T as [l_last T].
    assert (H' : lengths_meet short long ts tl && all_meet short long = true)
      by (destruct ts, tl; exact H).
    rewrite IH by (cbn in L; auto; lia). rewrite andb_true_r.
    destruct (is_prefix m) eqn:X; [|reflexivity]. cbn.
    (* A prefix ends both: nothing can follow it, so nothing follows the other either. *)
    destruct (segment_meet_is_one_of s l m M) as [-> | ->]; rewrite X in *; cbn in *.
    + apply andb_true_iff in s_last. destruct s_last as [N F].
      destruct short; [|discriminate]. destruct ts; [discriminate|].
      destruct tl; [discriminate|]. now destruct long.
    + apply andb_true_iff in l_last. destruct l_last as [N F].
      destruct long; [|discriminate]. destruct tl; [discriminate|].
      destruct short; [|cbn in L; lia]. now destruct ts.
Qed.

Theorem meet_is_pattern p q m :
  is_pattern p = true -> is_pattern q = true -> meet p q = Some m -> is_pattern m = true.
Proof.
  intros P Q. destruct (meet_cases p q) as [[ss ts] [[ls tl] [W [L ->]]]].
  unfold size in L. cbn [segments tail] in *.
  destruct (_ && _) eqn:C; intros E; inversion E; subst m; clear E.
  assert (B : is_pattern (Pattern ss ts) = true /\ is_pattern (Pattern ls tl) = true)
    by (destruct W as [[-> ->]|[-> ->]]; auto).
  clear P Q W. destruct B as [S T].
  unfold is_pattern in *. cbn [segments tail] in *.
  rewrite !andb_true_iff in S; rewrite !andb_true_iff in T. destruct S as [[S1 S2] S3], T as [[T1 T2] T3].
  rewrite met_is_segments, met_prefix_is_last by assumption. cbn [andb].
  destruct ss as [|s ss]; cbn [List.length] in *.
  - subst ts. exact T3.
  - destruct s as [kind| |]; try discriminate. destruct ls as [|l ls]; [cbn in L; lia|].
    destruct l as [kind'| |]; try discriminate.
    unfold met. cbn [combine filter_map fst snd].
    unfold all_meet in C. cbn [combine forallb fst snd] in C.
    destruct (segment_meet (Exact kind) (Exact kind')) as [m|] eqn:M;
      [|cbn in C; now rewrite andb_false_r in C].
    assert (m = Exact kind) as ->.
    { unfold segment_meet in M. cbn in M. rewrite (String.eqb_sym kind' kind) in M.
      destruct (String.eqb kind kind') eqn:K; [|discriminate].
      apply String.eqb_eq in K. congruence. }
    cbn [app]. rewrite andb_true_iff in S3, T3. destruct S3 as [-> S3], T3 as [_ T3].
    cbn [andb]. destruct ts; cbn in S3 |- *.
    + destruct tl; [reflexivity|]. cbn in T3 |- *. destruct ls as [|? ls]; [discriminate|].
      destruct ss; [reflexivity|]. cbn in C |- *.
      apply andb_true_iff in C. destruct C as [_ C]. cbn in C.
      destruct (segment_meet _ _); [reflexivity | discriminate].
    + destruct ss as [|s2 ss]; [discriminate|]. destruct ls as [|l2 ls]; [cbn in L; lia|].
      cbn in C |- *. apply andb_true_iff in C. destruct C as [_ C]. cbn in C.
      destruct (segment_meet s2 l2); [reflexivity | discriminate].
Qed.

Theorem meet_none_exact p q :
  is_pattern p = true -> is_pattern q = true ->
  meet p q = None
  <-> ~ (exists r, is_resource r = true /\ matches p r = true /\ matches q r = true).
Proof.
  intros P Q. split.
  - intros N [r [_ [A B]]]. pose proof (meet_none p q r N) as E. now rewrite A, B in E.
  - intros N. destruct (meet p q) as [m|] eqn:M; [|reflexivity]. exfalso. apply N.
    destruct (pattern_is_not_empty m (meet_is_pattern p q m P Q M)) as [r [R E]].
    exists r. rewrite (meet_some p q m r M), andb_true_iff in E. tauto.
Qed.

(** `meet` is that of a semilattice, to the letter. *)

(** What is in a pattern, or in none. *)
Definition matches_option (p : option pattern) (r : resource) : bool :=
  match p with Some p => matches p r | None => false end.

Definition is_pattern_option (p : option pattern) : bool :=
  match p with Some p => is_pattern p | None => true end.

Definition meet_option (p q : option pattern) : option pattern :=
  match p, q with Some p, Some q => meet p q | _, _ => None end.

Lemma meet_option_exact p q r :
  matches_option (meet_option p q) r = matches_option p r && matches_option q r.
Proof.
  destruct p as [p|], q as [q|]; cbn; rewrite ?andb_false_r; auto.
  destruct (meet p q) as [m|] eqn:M; cbn.
  - now apply meet_some.
  - symmetry. now apply meet_none.
Qed.

Lemma meet_option_is_pattern p q :
  is_pattern_option p = true -> is_pattern_option q = true ->
  is_pattern_option (meet_option p q) = true.
Proof.
  destruct p as [p|], q as [q|]; cbn; auto. intros P Q.
  destruct (meet p q) as [m|] eqn:M; cbn; auto. now apply (meet_is_pattern p q).
Qed.

Lemma same_resources_same_option p q :
  is_pattern_option p = true -> is_pattern_option q = true ->
  (forall r, is_resource r = true -> matches_option p r = matches_option q r) -> p = q.
Proof.
  destruct p as [p|], q as [q|]; cbn; intros P Q E; auto.
  - f_equal. now apply same_resources_same_pattern.
  - exfalso. destruct (pattern_is_not_empty p P) as [r [R M]]. specialize (E r R). congruence.
  - exfalso. destruct (pattern_is_not_empty q Q) as [r [R M]]. specialize (E r R). congruence.
Qed.

Theorem meet_comm p q :
  is_pattern p = true -> is_pattern q = true -> meet p q = meet q p.
Proof.
  intros P Q. change (meet_option (Some p) (Some q) = meet_option (Some q) (Some p)).
  apply same_resources_same_option; try (now apply meet_option_is_pattern).
  intros r _. rewrite !meet_option_exact. apply andb_comm.
Qed.

Theorem meet_assoc p q s :
  is_pattern p = true -> is_pattern q = true -> is_pattern s = true ->
  meet_option (meet p q) (Some s) = meet_option (Some p) (meet q s).
Proof.
  intros P Q S.
  change (meet_option (meet_option (Some p) (Some q)) (Some s)
          = meet_option (Some p) (meet_option (Some q) (Some s))).
  apply same_resources_same_option;
    try (repeat apply meet_option_is_pattern; assumption).
  intros r _. rewrite !meet_option_exact. symmetry. apply andb_assoc.
Qed.

Theorem meet_idempotent p : is_pattern p = true -> meet p p = Some p.
Proof.
  intros P. change (meet_option (Some p) (Some p) = Some p).
  apply same_resources_same_option; try (now apply meet_option_is_pattern); auto.
  intros r _. rewrite meet_option_exact. apply andb_diag.
Qed.

Theorem contains_is_meet p q :
  is_pattern p = true -> is_pattern q = true ->
  contains p q = true <-> meet p q = Some q.
Proof.
  intros P Q. rewrite contains_exact by assumption. split.
  - intros H. change (meet_option (Some p) (Some q) = Some q).
    apply same_resources_same_option; try (now apply meet_option_is_pattern); auto.
    intros r R. rewrite meet_option_exact. cbn.
    destruct (matches q r) eqn:M; [now rewrite (H r R M) | now rewrite andb_false_r].
  - intros M r _ E. rewrite (meet_some p q q r M), andb_true_iff in E. tauto.
Qed.
