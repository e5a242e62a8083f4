(** Lines: no line allows what an ancestor denies, as in `decide.rs`.

    A line is the agent with the root grants and, below it, one delegation after another. What a
    constraint says is left open: it is any function of what the call brings ([context]: time, arguments,
    address, what the counters have, how many people said yes) and of where its holder stands in the line
    ([standing]), so long as standing worse never helps. *)

From Coq Require Import String List Bool Arith Lia Permutation.
From Kavach Require Import Text Segment Pattern Action Permission.
Import ListNotations.

(** [Decision], by its rank. *)
Inductive answer := Deny | NeedsApproval | Allow.

Definition rank (a : answer) : nat :=
  match a with Deny => 0 | NeedsApproval => 1 | Allow => 2 end.

Definition at_most (a b : answer) : Prop := rank a <= rank b.

Definition worst (a b : answer) : answer := if rank a <=? rank b then a else b.
Definition best (a b : answer) : answer := if rank a <=? rank b then b else a.

Lemma at_most_refl a : at_most a a.
Proof. unfold at_most; lia. Qed.

Lemma at_most_trans a b c : at_most a b -> at_most b c -> at_most a c.
Proof. unfold at_most; lia. Qed.

Lemma at_most_antisym a b : at_most a b -> at_most b a -> a = b.
Proof. destruct a, b; unfold at_most; cbn; try lia; auto. Qed.

Lemma deny_is_least a : at_most Deny a.
Proof. unfold at_most; cbn; lia. Qed.

Lemma worst_mono a b c d : at_most a c -> at_most b d -> at_most (worst a b) (worst c d).
Proof. destruct a, b, c, d; unfold at_most; cbn; lia. Qed.

Lemma best_mono a b c d : at_most a c -> at_most b d -> at_most (best a b) (best c d).
Proof. destruct a, b, c, d; unfold at_most; cbn; lia. Qed.

Lemma worst_below_first a b : at_most (worst a b) a.
Proof. destruct a, b; unfold at_most; cbn; lia. Qed.

Lemma worst_below_second a b : at_most (worst a b) b.
Proof. destruct a, b; unfold at_most; cbn; lia. Qed.

Lemma best_above_first a b : at_most a (best a b).
Proof. destruct a, b; unfold at_most; cbn; lia. Qed.

Lemma best_above_second a b : at_most b (best a b).
Proof. destruct a, b; unfold at_most; cbn; lia. Qed.

Lemma best_least a b c : at_most a c -> at_most b c -> at_most (best a b) c.
Proof. destruct a, b, c; unfold at_most; cbn; lia. Qed.

(** Where the holder of a grant stands in the line that is asked about. *)
Record standing := Standing {
  (** How many hops above the leaf. *)
  distance : nat;
  (** The lowest score on the line. *)
  trust : nat;
}.

(** Whether it is nearer to the leaf, in a line that is trusted as much or more. *)
Definition at_least (better worse : standing) : Prop :=
  distance better <= distance worse /\ trust worse <= trust better.

Lemma at_least_refl s : at_least s s.
Proof. unfold at_least; lia. Qed.

Section Lines.
  (** What a call brings along. It is the same for every hop. *)
  Variable context : Type.
  Variable agent : Type.

  Record call := Call {
    action : string;
    on : resource;
    within : context;
  }.

  Record grant := Grant {
    permission_of : permission;
    (** What its constraints say: no, yes once people have said so, yes. *)
    terms : context -> standing -> answer;
    terms_monotone :
      forall c better worse, at_least better worse -> at_most (terms c worse) (terms c better);
  }.

  Definition grant_answer (c : call) (s : standing) (g : grant) : answer :=
    if permission_matches (permission_of g) (action c) (on c) then terms g (within c) s else Deny.

  (** [best_match] *)
  Definition best_of (answers : list answer) : answer := fold_right best Deny answers.

  Definition grants_answer (c : call) (s : standing) (grants : list grant) : answer :=
    best_of (map (grant_answer c s) grants).

  Record hop := Hop {
    holder : agent;
    (** The trust score of the holder. *)
    score : nat;
    (** Whether it holds at all: not revoked, suspended or past its time, its parent's generation is the
        one it cites, and so on; and, for a delegation with a depth, not too far above the leaf. *)
    alive : context -> standing -> bool;
    alive_monotone :
      forall c better worse, at_least better worse -> alive c worse = true -> alive c better = true;
    grants : list grant;
  }.

  Definition hop_answer (c : call) (s : standing) (h : hop) : answer :=
    if alive h (within c) s then grants_answer c s (grants h) else Deny.

  (** Never empty: a line ends in root grants. *)
  Inductive line :=
  | Root (own : hop)
  | Below (own : hop) (parent : line).

  Fixpoint hops (l : line) : list hop :=
    match l with
    | Root own => [own]
    | Below own parent => own :: hops parent
    end.

  Fixpoint lowest (l : line) : nat :=
    match l with
    | Root own => score own
    | Below own parent => min (score own) (lowest parent)
    end.

  (** [answer_along], the line's lowest score given. *)
  Fixpoint answer_along (c : call) (distance trust : nat) (l : line) : answer :=
    match l with
    | Root own => hop_answer c (Standing distance trust) own
    | Below own parent =>
        worst (hop_answer c (Standing distance trust) own)
          (answer_along c (S distance) trust parent)
    end.

  (** A "never": to whom and to which calls it applies. *)
  Definition guardrail := agent -> call -> bool.

  (** One applies if it names any agent on the line. *)
  Definition guarded (guardrails : list guardrail) (c : call) (l : line) : bool :=
    existsb (fun never => existsb (fun h => never (holder h) c) (hops l)) guardrails.

  (** [decide_via] *)
  Definition decide_via (guardrails : list guardrail) (c : call) (l : line) : answer :=
    if guarded guardrails c l then Deny else answer_along c 0 (lowest l) l.

  (** [decide]: the best over the agent's lines. *)
  Definition decide (guardrails : list guardrail) (c : call) (lines : list line) : answer :=
    best_of (map (decide_via guardrails c) lines).

  (** What the best of a list is. *)

  Lemma best_of_member a answers : In a answers -> at_most a (best_of answers).
  Proof.
    induction answers as [|b answers IH]; cbn; [easy|].
    intros [->|I]; [apply best_above_first|].
    eapply at_most_trans; [now apply IH | apply best_above_second].
  Qed.

  Lemma best_of_least bound answers :
    (forall a, In a answers -> at_most a bound) -> at_most (best_of answers) bound.
  Proof.
    induction answers as [|a answers IH]; cbn; intros H; [apply deny_is_least|].
    apply best_least; auto.
  Qed.

  Lemma best_of_mono {A B} (f : A -> answer) (g : B -> answer) some others :
    (forall x, In x some -> exists y, In y others /\ at_most (f x) (g y)) ->
    at_most (best_of (map f some)) (best_of (map g others)).
  Proof.
    intros H. apply best_of_least. intros a I. apply in_map_iff in I. destruct I as [x [<- I]].
    destruct (H x I) as [y [J L]]. eapply at_most_trans; [exact L|].
    apply best_of_member. now apply in_map.
  Qed.

  (** Standing worse never helps. *)

  Lemma grant_answer_mono c better worse g :
    at_least better worse -> at_most (grant_answer c worse g) (grant_answer c better g).
  Proof.
    intros L. unfold grant_answer. destruct (permission_matches _ _ _);
      [now apply terms_monotone | apply at_most_refl].
  Qed.

  Lemma hop_answer_mono c better worse h :
    at_least better worse -> at_most (hop_answer c worse h) (hop_answer c better h).
  Proof.
    intros L. unfold hop_answer. destruct (alive h (within c) worse) eqn:A; [|apply deny_is_least].
    rewrite (alive_monotone h _ _ _ L A). apply best_of_mono. intros g I. exists g.
    split; [exact I | now apply grant_answer_mono].
  Qed.

  Lemma answer_along_mono c l d d' t t' :
    d <= d' -> t' <= t -> at_most (answer_along c d' t' l) (answer_along c d t l).
  Proof.
    revert d d'; induction l as [own|own parent IH]; intros d d' D T; cbn.
    - now apply hop_answer_mono.
    - apply worst_mono; [now apply hop_answer_mono|]. apply IH; [lia | exact T].
  Qed.

  (** No line allows what an ancestor denies. *)

  Theorem child_below_parent guardrails c own parent :
    at_most (decide_via guardrails c (Below own parent)) (decide_via guardrails c parent).
  Proof.
    unfold decide_via. destruct (guarded guardrails c (Below own parent)) eqn:G;
      [apply deny_is_least|].
    replace (guarded guardrails c parent) with false.
    - cbn [answer_along]. eapply at_most_trans; [apply worst_below_second|].
      apply answer_along_mono; cbn; lia.
    - symmetry. apply not_true_is_false. intros P. unfold guarded in *.
      apply existsb_exists in P. destruct P as [never [I P]].
      rewrite <- not_true_iff_false in G. apply G. apply existsb_exists.
      exists never. split; [exact I|]. cbn. now rewrite P, orb_true_r.
  Qed.

  (** Whether a line is another's, or an ancestor of it. *)
  Inductive ancestor : line -> line -> Prop :=
  | ancestor_itself l : ancestor l l
  | ancestor_above above own parent : ancestor above parent -> ancestor above (Below own parent).

  Theorem below_every_ancestor guardrails c above l :
    ancestor above l -> at_most (decide_via guardrails c l) (decide_via guardrails c above).
  Proof.
    induction 1; [apply at_most_refl|].
    eapply at_most_trans; [apply child_below_parent | assumption].
  Qed.

  Corollary denied_by_an_ancestor guardrails c above l :
    ancestor above l -> decide_via guardrails c above = Deny -> decide_via guardrails c l = Deny.
  Proof.
    intros A D. apply at_most_antisym; [|apply deny_is_least].
    rewrite <- D. now apply below_every_ancestor.
  Qed.

  Theorem allowed_by_every_hop guardrails c l :
    decide_via guardrails c l = Allow ->
    Forall (fun h => exists s, hop_answer c s h = Allow) (hops l).
  Proof.
    unfold decide_via. destruct (guarded guardrails c l); [discriminate|].
    generalize 0 as d, (lowest l) as t. induction l as [own|own parent IH]; intros d t E; cbn in E |- *.
    - repeat constructor. eauto.
    - assert (hop_answer c (Standing d t) own = Allow /\ answer_along c (S d) t parent = Allow) as [A B]
        by (destruct (hop_answer c _ own), (answer_along c (S d) t parent); cbn in E; now try discriminate).
      constructor; eauto.
  Qed.

  (** Narrowing or ending anything never raises an answer. *)

  (** Whether a hop answers no more than another, wherever it stands. *)
  Definition narrower_hop (new old : hop) : Prop :=
    holder new = holder old /\ score new <= score old
    /\ forall c s, at_most (hop_answer c s new) (hop_answer c s old).

  (** The same line, some of its hops narrowed. *)
  Inductive narrower : line -> line -> Prop :=
  | narrower_root new old : narrower_hop new old -> narrower (Root new) (Root old)
  | narrower_below new old new_parent old_parent :
      narrower_hop new old -> narrower new_parent old_parent ->
      narrower (Below new new_parent) (Below old old_parent).

  Lemma narrower_holders new old : narrower new old -> map holder (hops new) = map holder (hops old).
  Proof.
    induction 1 as [new old [H _]|new old np op [H _] _ IH]; cbn; [now rewrite H | now rewrite H, IH].
  Qed.

  Lemma narrower_lowest new old : narrower new old -> lowest new <= lowest old.
  Proof.
    induction 1 as [new old [_ [H _]]|new old np op [_ [H _]] _ IH]; cbn; lia.
  Qed.

  Lemma narrower_answer c new old d t t' :
    narrower new old -> t' <= t -> at_most (answer_along c d t' new) (answer_along c d t old).
  Proof.
    intros N T. revert d. induction N as [new old [_ [_ H]]|new old np op [_ [_ H]] _ IH];
      intros d; cbn.
    - eapply at_most_trans; [apply H | apply hop_answer_mono; unfold at_least; cbn; lia].
    - apply worst_mono; [|apply IH].
      eapply at_most_trans; [apply H | apply hop_answer_mono; unfold at_least; cbn; lia].
  Qed.

  Lemma guarded_by_holders guardrails c new old :
    map holder (hops new) = map holder (hops old) -> guarded guardrails c new = guarded guardrails c old.
  Proof.
    assert (E : forall (never : guardrail) list,
      existsb (fun h => never (holder h) c) list = existsb (fun a => never a c) (map holder list)).
    { intros never list. induction list as [|h list IH]; cbn; [easy | now rewrite IH]. }
    intros H. unfold guarded. induction guardrails as [|never guardrails IH]; cbn; [easy|].
    now rewrite IH, !E, H.
  Qed.

  Theorem narrowing_never_raises guardrails c new old :
    narrower new old -> at_most (decide_via guardrails c new) (decide_via guardrails c old).
  Proof.
    intros N. unfold decide_via. rewrite (guarded_by_holders guardrails c new old)
      by now apply narrower_holders.
    destruct (guarded guardrails c old); [apply at_most_refl|].
    apply narrower_answer; [exact N | now apply narrower_lowest].
  Qed.

  (** The same for an agent: each of its lines narrowed, or gone. *)
  Theorem narrowing_never_raises_an_agent guardrails c new old :
    (forall l, In l new -> exists k, In k old /\ narrower l k) ->
    at_most (decide guardrails c new) (decide guardrails c old).
  Proof.
    intros H. apply best_of_mono. intros l I. destruct (H l I) as [k [J N]].
    exists k. split; [exact J | now apply narrowing_never_raises].
  Qed.

  (** What narrows a hop. *)

  Definition with_grants (h : hop) (new : list grant) : hop :=
    Hop (holder h) (score h) (alive h) (alive_monotone h) new.

  (** Whether a grant gives no more than another, by what can be seen of them. *)
  Definition narrower_grant (new old : grant) : Prop :=
    permission_contains (permission_of old) (permission_of new) = true
    /\ forall c s, at_most (terms new c s) (terms old c s).

  Lemma narrower_grant_answer new old c s :
    narrower_grant new old -> at_most (grant_answer c s new) (grant_answer c s old).
  Proof.
    intros [C T]. unfold grant_answer.
    destruct (permission_matches (permission_of new) _ _) eqn:M; [|apply deny_is_least].
    pose proof (contained_may_go _ _ [permission_of old] (action c) (on c) C (or_introl eq_refl)) as E.
    cbn in E. rewrite M, !orb_false_r in E. cbn in E. rewrite <- E. apply T.
  Qed.

  Theorem narrower_grants_narrow h new :
    (forall g, In g new -> exists old, In old (grants h) /\ narrower_grant g old) ->
    narrower_hop (with_grants h new) h.
  Proof.
    intros H. repeat split; cbn; [lia|]. intros c s. unfold hop_answer. cbn.
    destruct (alive h (within c) s); [|apply at_most_refl].
    apply best_of_mono. intros g I. destruct (H g I) as [old [J N]].
    exists old. split; [exact J | now apply narrower_grant_answer].
  Qed.

  Theorem fewer_grants_narrow h new : incl new (grants h) -> narrower_hop (with_grants h new) h.
  Proof.
    intros H. repeat split; cbn; [lia|]. intros c s. unfold hop_answer. cbn.
    destruct (alive h (within c) s); [|apply at_most_refl].
    apply best_of_mono. intros g I. exists g. split; [now apply H | apply at_most_refl].
  Qed.

  (** Revoking, suspending, running out: whatever it is, the hop is dead where it was not, and never the
      other way round. *)
  Theorem ending_narrows h still still_monotone :
    (forall c s, still c s = true -> alive h c s = true) ->
    narrower_hop (Hop (holder h) (score h) still still_monotone (grants h)) h.
  Proof.
    intros H. repeat split; cbn; [lia|]. intros c s. unfold hop_answer. cbn.
    destruct (still (within c) s) eqn:E; [|apply deny_is_least].
    rewrite (H _ _ E). apply at_most_refl.
  Qed.

  Theorem distrust_narrows h less :
    less <= score h ->
    narrower_hop (Hop (holder h) less (alive h) (alive_monotone h) (grants h)) h.
  Proof. intros H. repeat split; cbn; [exact H|]. intros c s. apply at_most_refl. Qed.

  Lemma narrower_hop_refl h : narrower_hop h h.
  Proof. repeat split; [lia|]. intros. apply at_most_refl. Qed.

  Lemma narrower_refl l : narrower l l.
  Proof. induction l; constructor; auto using narrower_hop_refl. Qed.

  (** One hop of a line, the leaf being the one at 0, replaced. *)
  Fixpoint edit (at_hop : nat) (change : hop -> hop) (l : line) : line :=
    match at_hop, l with
    | 0, Root own => Root (change own)
    | 0, Below own parent => Below (change own) parent
    | S _, Root own => Root own
    | S above, Below own parent => Below own (edit above change parent)
    end.

  Lemma edit_narrower n change l :
    (forall h, narrower_hop (change h) h) -> narrower (edit n change l) l.
  Proof.
    intros H. revert n. induction l; intros [|n]; cbn; constructor;
      auto using narrower_hop_refl, narrower_refl.
  Qed.

  Lemma narrower_edit n change l :
    (forall h, narrower_hop h (change h)) -> narrower l (edit n change l).
  Proof.
    intros H. revert n. induction l; intros [|n]; cbn; constructor;
      auto using narrower_hop_refl, narrower_refl.
  Qed.

  (** Adding a grant, anywhere, never lowers an answer. *)
  Theorem adding_a_grant_never_lowers guardrails c n g l :
    at_most (decide_via guardrails c l)
      (decide_via guardrails c (edit n (fun h => with_grants h (g :: grants h)) l)).
  Proof.
    apply narrowing_never_raises, narrower_edit. intros h. repeat split; cbn; [lia|].
    intros c' s. unfold hop_answer. cbn. destruct (alive h (within c') s); [|apply at_most_refl].
    apply best_above_second.
  Qed.

  Theorem removing_grants_never_raises guardrails c n kept l :
    at_most
      (decide_via guardrails c (edit n (fun h => with_grants h (filter kept (grants h))) l))
      (decide_via guardrails c l).
  Proof.
    apply narrowing_never_raises, edit_narrower. intros h. apply fewer_grants_narrow.
    intros g I. now apply filter_In in I.
  Qed.

  (** The order of grants is irrelevant, and so is that of lines. *)

  Lemma best_of_order some others : Permutation some others -> best_of some = best_of others.
  Proof.
    unfold best_of. induction 1 as [|a s o _ IH|a b s|s o p _ IH _ IH']; cbn.
    - reflexivity.
    - now rewrite IH.
    - destruct a, b, (fold_right best Deny s); reflexivity.
    - congruence.
  Qed.

  (** Hops that differ in the order of their grants alone. *)
  Definition reordered_hop (one two : hop) : Prop :=
    holder one = holder two /\ score one = score two
    /\ (forall c s, alive one c s = alive two c s) /\ Permutation (grants one) (grants two).

  Inductive reordered : line -> line -> Prop :=
  | reordered_root one two : reordered_hop one two -> reordered (Root one) (Root two)
  | reordered_below one two p q :
      reordered_hop one two -> reordered p q -> reordered (Below one p) (Below two q).

  Theorem order_of_grants_is_irrelevant guardrails c one two :
    reordered one two -> decide_via guardrails c one = decide_via guardrails c two.
  Proof.
    assert (one_way : forall one two, reordered_hop one two -> narrower_hop one two).
    { intros a b [H [S [A P]]]. repeat split; [exact H | lia |]. intros c' s. unfold hop_answer.
      rewrite A. destruct (alive b (within c') s); [|apply at_most_refl]. unfold grants_answer.
      rewrite (best_of_order _ _ (Permutation_map (grant_answer c' s) P)). apply at_most_refl. }
    assert (other_way : forall one two, reordered_hop one two -> narrower_hop two one).
    { intros a b [H [S [A P]]]. apply one_way. repeat split; auto. now apply Permutation_sym. }
    intros R. apply at_most_antisym; apply narrowing_never_raises; induction R; constructor; auto.
  Qed.

  Theorem order_of_lines_is_irrelevant guardrails c some others :
    Permutation some others -> decide guardrails c some = decide guardrails c others.
  Proof. intros P. apply best_of_order. now apply Permutation_map. Qed.

  (** A new line never lowers what an agent is answered. *)
  Theorem adding_a_line_never_lowers guardrails c l lines :
    at_most (decide guardrails c lines) (decide guardrails c (l :: lines)).
  Proof. apply best_above_second. Qed.

  (** Guardrails win, and a new one never raises an answer. *)
  Theorem guardrails_win guardrails c l :
    guarded guardrails c l = true -> decide_via guardrails c l = Deny.
  Proof. unfold decide_via. now intros ->. Qed.

  Theorem adding_a_guardrail_never_raises never guardrails c l :
    at_most (decide_via (never :: guardrails) c l) (decide_via guardrails c l).
  Proof.
    unfold decide_via, guarded. cbn. destruct (existsb (fun h => never (holder h) c) (hops l)); cbn.
    - apply deny_is_least.
    - apply at_most_refl.
  Qed.

  (** Spawning evades no guardrail. *)
  Theorem guarded_below guardrails c own parent :
    guarded guardrails c parent = true -> guarded guardrails c (Below own parent) = true.
  Proof.
    unfold guarded. rewrite !existsb_exists. intros [never [I H]]. exists never.
    split; [exact I|]. cbn. now rewrite H, orb_true_r.
  Qed.
End Lines.
