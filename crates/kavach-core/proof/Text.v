(** Texts: what stands between the colons, as `segment.rs` checks it.

    A text is a string of bytes. Its length has no bound here: the limits of `limits.rs` apply to
    requests, and never decide whether one pattern is inside another. *)

From Coq Require Import Ascii String List Bool Arith Lia.
Import ListNotations.
Local Open Scope string_scope.

(** [str::starts_with]. *)
Fixpoint starts_with (prefix text : string) : bool :=
  match prefix, text with
  | EmptyString, _ => true
  | String p prefix, String t text => Ascii.eqb p t && starts_with prefix text
  | String _ _, EmptyString => false
  end.

Definition between (low high c : ascii) : bool :=
  (nat_of_ascii low <=? nat_of_ascii c)%nat && (nat_of_ascii c <=? nat_of_ascii high)%nat.

Definition is_lower : ascii -> bool := between "a" "z".
Definition is_upper : ascii -> bool := between "A" "Z".
Definition is_digit : ascii -> bool := between "0" "9".
Definition is_letter (c : ascii) : bool := is_lower c || is_upper c.

Fixpoint holds_byte (c : ascii) (text : string) : bool :=
  match text with
  | EmptyString => false
  | String t text => Ascii.eqb c t || holds_byte c text
  end.

(** [is_unreserved] *)
Definition is_unreserved (c : ascii) : bool :=
  is_letter c || is_digit c || holds_byte c "_-.~@+".

(** [hex] *)
Definition hex (c : ascii) : option nat :=
  if is_digit c then Some (nat_of_ascii c - nat_of_ascii "0")%nat
  else if between "A" "F" c then Some (nat_of_ascii c - nat_of_ascii "A" + 10)%nat
  else None.

Definition encodes (high low : ascii) : bool :=
  match hex high, hex low with
  | Some high, Some low => negb (is_unreserved (ascii_of_nat (high * 16 + low)%nat))
  | _, _ => false
  end.

(** The loop of [check_segment]. *)
Fixpoint is_spelled (text : string) : bool :=
  match text with
  | EmptyString => true
  | String first rest =>
      if Ascii.eqb first "%" then
        match rest with
        | String high (String low rest) => encodes high low && is_spelled rest
        | _ => false
        end
      else is_unreserved first && is_spelled rest
  end.

(** [check_segment], without its bound on the length. *)
Definition is_text (text : string) : bool :=
  negb (text =? "") && negb (text =? ".") && negb (text =? "..") && is_spelled text.

Fixpoint all_bytes (test : ascii -> bool) (text : string) : bool :=
  match text with
  | EmptyString => true
  | String c text => test c && all_bytes test text
  end.

Definition kinds : list string := ["mcp"; "a2a"; "http"; "tool"; "data"; "app"].

(** [is_kind], its bound on the length included. *)
Definition is_kind (text : string) : bool :=
  existsb (String.eqb text) kinds
  || (String.length text <=? 64)%nat
     && match text with
        | String "x" (String "-" rest) =>
            negb (rest =? "")
            && all_bytes (fun c => is_lower c || is_digit c || Ascii.eqb c "-") rest
        | _ => false
        end.

(** What holds of texts, and what the exactness of `contains` rests on: there is always a longer text
    below a prefix, there is always a text beside it, and there is more than one kind. *)

Lemma starts_with_spec prefix text :
  starts_with prefix text = true <-> exists rest, text = prefix ++ rest.
Proof.
  revert text; induction prefix as [|p prefix IH]; intros text; cbn.
  - split; [now exists text | easy].
  - destruct text as [|t text].
    + split; [easy | intros [rest E]; discriminate].
    + rewrite andb_true_iff, Ascii.eqb_eq, IH. split.
      * intros [-> [rest ->]]. now exists rest.
      * intros [rest E]. inversion E. eauto.
Qed.

Lemma starts_with_itself text : starts_with text text = true.
Proof. induction text; cbn; [easy | now rewrite Ascii.eqb_refl]. Qed.

Lemma starts_with_longer text more : starts_with text (text ++ more) = true.
Proof. apply starts_with_spec. now exists more. Qed.

Lemma starts_with_trans one two three :
  starts_with one two = true -> starts_with two three = true -> starts_with one three = true.
Proof.
  rewrite !starts_with_spec. intros [s ->] [t ->]. exists (s ++ t).
  induction one; cbn; congruence.
Qed.

Lemma starts_with_antisym one two :
  starts_with one two = true -> starts_with two one = true -> one = two.
Proof.
  revert two; induction one as [|c one IH]; intros [|d two]; cbn; try easy.
  rewrite !andb_true_iff, !Ascii.eqb_eq. intros [-> H] [_ G]. f_equal. auto.
Qed.

(** Two prefixes of one text are prefixes of each other. *)
Lemma prefixes_nest one two text :
  starts_with one text = true -> starts_with two text = true ->
  starts_with one two = true \/ starts_with two one = true.
Proof.
  revert two text; induction one as [|c one IH]; intros [|d two] [|t text]; cbn; try (now auto).
  rewrite !andb_true_iff, !Ascii.eqb_eq. intros [-> H] [-> G].
  destruct (IH two text H G); auto.
Qed.

Lemma longer_differs text : text <> text ++ "a".
Proof. induction text; cbn; congruence. Qed.

Lemma is_spelled_longer text : is_spelled text = true -> is_spelled (text ++ "a") = true.
Proof.
  remember (String.length text) as n eqn:E.
  revert text E; induction n as [n IH] using lt_wf_ind; intros text ->.
  destruct text as [|c rest]; [reflexivity|].
  change (String c rest ++ "a") with (String c (rest ++ "a")).
  cbn [is_spelled]. destruct (Ascii.eqb c "%").
  - destruct rest as [|high [|low rest]]; try easy.
    change (String high (String low rest) ++ "a") with (String high (String low (rest ++ "a"))).
    cbn beta iota. rewrite !andb_true_iff. intros [H G]. split; [exact H|].
    apply (IH (String.length rest)); cbn; auto; lia.
  - rewrite !andb_true_iff. intros [H G]. split; [exact H|].
    apply (IH (String.length rest)); cbn; auto; lia.
Qed.

Lemma text_is_not_empty text : is_text text = true -> text <> "".
Proof. intros H ->. discriminate H. Qed.

Lemma longer_is_text text : is_text text = true -> is_text (text ++ "a") = true.
Proof.
  unfold is_text. rewrite !andb_true_iff, !negb_true_iff, !String.eqb_neq.
  intros [[[_ _] _] H]. repeat split; [| | | now apply is_spelled_longer];
    (destruct text as [|? [|? text]]; cbn; try congruence).
  destruct text; cbn; congruence.
Qed.

Lemma other_text text :
  is_text text = true -> exists other, is_text other = true /\ starts_with text other = false.
Proof.
  intros H. destruct text as [|c text]; [discriminate|].
  destruct (Ascii.eqb c "a") eqn:E.
  - exists "b". apply Ascii.eqb_eq in E. now subst.
  - exists "a". split; [easy|]. cbn [starts_with]. now rewrite E.
Qed.

Lemma other_kind kind :
  exists other, is_kind other = true /\ is_text other = true /\ other <> kind.
Proof.
  destruct (string_dec kind "mcp") as [->|N].
  - now exists "app".
  - exists "mcp". repeat split. congruence.
Qed.
