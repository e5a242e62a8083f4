(** Actions, as in `action.rs`: `contains` and `meet` are exact. *)

From Coq Require Import Ascii String List Bool Arith Lia.
From Kavach Require Import Text.
Import ListNotations.

Inductive actions :=
| These (listed : list string)
| All.

Definition actions_max : nat := 64.

(** [Action::from_str], its bound on the length included. *)
Definition is_action (text : string) : bool :=
  match text with
  | String first rest =>
      is_letter first
      && all_bytes (fun c => is_letter c || is_digit c || holds_byte c "_-.") rest
      && (String.length text <=? 64)
  | EmptyString => false
  end.

(** INVARIANT (listed), of which only the bounds matter here, not the order: at least one, at most 64. *)
Definition is_actions (a : actions) : bool :=
  match a with
  | These listed =>
      (1 <=? List.length listed) && (List.length listed <=? actions_max)
      && forallb is_action listed
  | All => true
  end.

(** [Actions::matches]; there by binary search in a sorted list. *)
Definition actions_match (a : actions) (action : string) : bool :=
  match a with
  | All => true
  | These listed => existsb (String.eqb action) listed
  end.

(** [Actions::contains] *)
Definition actions_contain (self other : actions) : bool :=
  match self, other with
  | All, _ => true
  | These _, All => false
  | These _, These listed => forallb (actions_match self) listed
  end.

(** [Actions::meet] *)
Definition actions_meet (self other : actions) : option actions :=
  match self, other with
  | All, _ => Some other
  | _, All => Some self
  | These listed, These _ =>
      match filter (actions_match other) listed with
      | [] => None
      | met => Some (These met)
      end
  end.

Lemma listed_spec listed action :
  existsb (String.eqb action) listed = true <-> In action listed.
Proof.
  rewrite existsb_exists. split.
  - intros [x [I E]]. apply String.eqb_eq in E. now subst.
  - intros I. exists action. now rewrite String.eqb_refl.
Qed.

Theorem actions_are_not_empty a :
  is_actions a = true -> exists action, is_action action = true /\ actions_match a action = true.
Proof.
  destruct a as [[|first rest]|]; cbn - [is_action]; try discriminate.
  - rewrite !andb_true_iff. intros [_ [F _]]. exists first. now rewrite String.eqb_refl.
  - now exists "a"%string.
Qed.

(** More actions than any list holds. *)
Definition many_actions : list string :=
  let digits := ["0"; "1"; "2"; "3"; "4"; "5"; "6"; "7"; "8"; "9"]%char in
  flat_map (fun one => map (fun two => String "a" (String one (String two EmptyString))) digits) digits.

Fixpoint is_in (text : string) (texts : list string) : bool :=
  match texts with
  | [] => false
  | first :: rest => String.eqb text first || is_in text rest
  end.

Fixpoint is_without_repetition (texts : list string) : bool :=
  match texts with
  | [] => true
  | first :: rest => negb (is_in first rest) && is_without_repetition rest
  end.

Lemma is_in_spec text texts : In text texts -> is_in text texts = true.
Proof.
  induction texts as [|first rest IH]; cbn; [easy|].
  intros [->|I]; [now rewrite String.eqb_refl | now rewrite IH, orb_true_r].
Qed.

Lemma is_without_repetition_spec texts : is_without_repetition texts = true -> NoDup texts.
Proof.
  induction texts as [|first rest IH]; cbn; [constructor|].
  rewrite andb_true_iff, negb_true_iff. intros [N R]. constructor; auto.
  intros I. apply is_in_spec in I. congruence.
Qed.

Lemma other_action listed :
  List.length listed <= actions_max -> exists action, is_action action = true /\ ~ In action listed.
Proof.
  intros L.
  destruct (existsb (fun action => negb (existsb (String.eqb action) listed)) many_actions) eqn:E.
  - apply existsb_exists in E. destruct E as [action [I N]]. exists action. split.
    + assert (A : forallb is_action many_actions = true) by (vm_compute; reflexivity).
      rewrite forallb_forall in A. now apply A.
    + intros H. apply listed_spec in H. now rewrite H in N.
  - exfalso.
    assert (I : incl many_actions listed).
    { intros action I. destruct (existsb (String.eqb action) listed) eqn:F.
      - now apply listed_spec.
      - assert (existsb (fun action => negb (existsb (String.eqb action) listed)) many_actions = true)
          as G by (apply existsb_exists; exists action; now rewrite F).
        congruence. }
    assert (D : NoDup many_actions) by (apply is_without_repetition_spec; vm_compute; reflexivity).
    pose proof (NoDup_incl_length D I) as G.
    assert (List.length many_actions = 100) as F by (vm_compute; reflexivity).
    unfold actions_max in L. lia.
Qed.

Theorem actions_contain_exact a b :
  is_actions a = true -> is_actions b = true ->
  actions_contain a b = true
  <-> (forall action, is_action action = true ->
         actions_match b action = true -> actions_match a action = true).
Proof.
  intros A B. destruct a as [one|], b as [two|]; cbn - [is_action]; try (now split).
  - cbn - [is_action] in B. rewrite !andb_true_iff in B. destruct B as [_ B].
    rewrite forallb_forall in *. split.
    + intros H action _ I. apply H. now apply listed_spec.
    + intros H action I. apply H; [now apply B | now apply listed_spec].
  - split; [discriminate|]. intros H. exfalso.
    cbn - [is_action] in A. rewrite !andb_true_iff in A. destruct A as [[_ L] _].
    apply Nat.leb_le in L. destruct (other_action one L) as [action [I N]].
    apply N, listed_spec, H; auto.
Qed.

Theorem actions_meet_some a b m action :
  actions_meet a b = Some m ->
  actions_match m action = actions_match a action && actions_match b action.
Proof.
  destruct a as [one|], b as [two|]; cbn; intros E; try (inversion E; subst; cbn; now rewrite ?andb_true_r).
  destruct (filter _ one) as [|first rest] eqn:F; inversion E; subst m. clear E.
  cbn [actions_match]. rewrite <- F. clear F first rest. apply eq_true_iff_eq.
  rewrite andb_true_iff, !listed_spec, filter_In. cbn. now rewrite listed_spec.
Qed.

Theorem actions_meet_none a b action :
  actions_meet a b = None -> actions_match a action && actions_match b action = false.
Proof.
  destruct a as [one|], b as [two|]; cbn; try discriminate.
  destruct (filter _ one) as [|first rest] eqn:F; [|discriminate]. intros _.
  apply not_true_is_false. rewrite andb_true_iff, !listed_spec. intros [A B].
  assert (In action []) as []. rewrite <- F. apply filter_In. split; [exact A|].
  now apply listed_spec.
Qed.

Theorem actions_meet_is_actions a b m :
  is_actions a = true -> is_actions b = true -> actions_meet a b = Some m -> is_actions m = true.
Proof.
  destruct a as [one|], b as [two|]; cbn - [is_action]; intros A B E; try (now inversion E).
  destruct (filter _ one) as [|first rest] eqn:F; inversion E; subst m. clear E.
  assert (L : List.length (first :: rest) <= List.length one).
  { rewrite <- F. clear. induction one as [|x one IH]; cbn; [lia|].
    destruct (existsb _ two); cbn; lia. }
  rewrite !andb_true_iff in A. destruct A as [[_ A] I].
  apply Nat.leb_le in A. unfold is_actions. rewrite !andb_true_iff. repeat split.
  - apply Nat.leb_le. lia.
  - rewrite <- F, forallb_forall in *. intros x X. apply filter_In in X. now apply I.
Qed.

Theorem actions_meet_none_exact a b :
  is_actions a = true -> is_actions b = true ->
  actions_meet a b = None
  <-> ~ (exists action, is_action action = true
                        /\ actions_match a action = true /\ actions_match b action = true).
Proof.
  intros A B. split.
  - intros N [action [_ [F G]]]. pose proof (actions_meet_none a b action N) as E.
    now rewrite F, G in E.
  - intros N. destruct (actions_meet a b) as [m|] eqn:M; [|reflexivity]. exfalso. apply N.
    destruct (actions_are_not_empty m (actions_meet_is_actions a b m A B M)) as [action [I E]].
    exists action. rewrite (actions_meet_some a b m action M), andb_true_iff in E. tauto.
Qed.
