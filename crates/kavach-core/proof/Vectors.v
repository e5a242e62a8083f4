(** Vectors: what the functions of this proof answer, written out for the Rust code to be held against.

    A row is a word and what belongs to it. Lists are numbered from 0 in the order in which they stand;
    `contains 4: 7 9` says that pattern 4 contains patterns 7 and 9 and no other, `meet 4: 7=9` that its
    meet with pattern 7 is pattern 9 and that there is none with any other. *)

From Coq Require Import Ascii String List Bool Arith Lia DecimalString.
From Kavach Require Import Text Segment Pattern Meet Length Action Permission Line.
Import ListNotations.
Local Open Scope string_scope.

Definition number (n : nat) : string := NilEmpty.string_of_uint (Nat.to_uint n).

Definition words (list : list string) : string := String.concat " " list.

Definition numbered {A} (items : list A) : list (nat * A) :=
  combine (seq 0 (List.length items)) items.

(** [row "contains" 4 ["7"; "9"]] is `contains 4: 7 9`. *)
Definition row (word : string) (n : nat) (found : list string) : string :=
  words ((word ++ " " ++ number n ++ ":") :: found).

(** Which of the numbered items pass. *)
Definition passing {A} (test : A -> bool) (items : list (nat * A)) : list string :=
  filter_map (fun item => if test (snd item) then Some (number (fst item)) else None) items.

Definition place {A} (same : A -> A -> bool) (items : list (nat * A)) (item : A) : string :=
  match find (fun other => same (snd other) item) items with
  | Some (n, _) => number n
  | None => "nowhere"
  end.

(** With which of the numbered items there is a meet, and which. *)
Definition meeting {A} (same : A -> A -> bool) (meet : A -> option A) (items : list (nat * A))
    : list string :=
  filter_map
    (fun item =>
       match meet (snd item) with
       | Some met => Some (number (fst item) ++ "=" ++ place same items met)
       | None => None
       end)
    items.

(** Every list of so many items, one of [items] at each place. *)
Fixpoint lists {A} (items : list A) (n : nat) : list (list A) :=
  match n with
  | 0 => [[]]
  | S n => flat_map (fun rest => map (fun item => item :: rest) items) (lists items n)
  end.

(** The same of at most so many. *)
Definition lists_up_to {A} (items : list A) (n : nat) : list (list A) :=
  flat_map (lists items) (seq 0 (S n)).

(** Texts and kinds: all strings over a few bytes, and which of them are one. *)

Definition strings (bytes : string) (length : nat) : list string :=
  map string_of_list_ascii (lists_up_to (list_ascii_of_string bytes) length).

Definition text_rows (length : nat) : list string :=
  let bytes := "aG.%27Ff*~/" in
  ["text-bytes " ++ bytes; "text-length " ++ number length]
  ++ map (append "text ") (filter is_text (strings bytes length))
  ++ ["kind-bytes x-a0A"; "kind-length 4"]
  ++ map (append "kind ")
       (filter (fun kind => is_kind kind && is_text kind) (strings "x-a0A" 4 ++ kinds)).

(** Which shapes are patterns. *)

Definition grammar_rows : list string :=
  let shapes := lists_up_to [Exact "mcp"; Exact "a"; Prefix "a"; Any] 3 in
  flat_map
    (fun tail =>
       map (fun list =>
              let p := Pattern list tail in
              (if is_pattern p then "pattern-yes " else "pattern-no ") ++ print p)
         shapes)
    [true; false].

(** All patterns of a few segments, and all pairs of them. *)

Definition middles : list segment := [Exact "a"; Exact "ab"; Exact "b"; Any].
Definition lasts : list segment := middles ++ [Prefix "a"; Prefix "ab"; Prefix "b"].

Definition patterns_of (kind : string) (depth : nat) : list pattern :=
  map (fun between => Pattern (Exact kind :: between) true) (lists_up_to middles (S depth))
  ++ flat_map
       (fun between => map (fun last => Pattern (Exact kind :: between ++ [last]) false) lasts)
       (lists_up_to middles depth).

Definition patterns (depth : nat) : list pattern :=
  filter is_pattern
    (Pattern [] true :: patterns_of "mcp" depth ++ patterns_of "app" depth).

Definition resources (depth : nat) : list resource :=
  filter is_resource
    (flat_map (fun rest => ["mcp" :: rest; "app" :: rest])
       (lists_up_to ["a"; "ab"; "abb"; "b"; "c"] depth)).

Definition same_segment (one other : segment) : bool :=
  match one, other with
  | Exact one, Exact other | Prefix one, Prefix other => one =? other
  | Any, Any => true
  | _, _ => false
  end.

Fixpoint same_segments (some others : list segment) : bool :=
  match some, others with
  | [], [] => true
  | one :: some, other :: others => same_segment one other && same_segments some others
  | _, _ => false
  end.

Definition same_pattern (one other : pattern) : bool :=
  Bool.eqb (tail one) (tail other) && same_segments (segments one) (segments other).

Definition pattern_rows (depth : nat) : list string :=
  let all := numbered (patterns depth) in
  let texts := numbered (resources (S depth)) in
  map (fun p => "pattern " ++ print (snd p)) all
  ++ map (fun p => row "contains" (fst p) (passing (contains (snd p)) all)) all
  ++ map (fun p => row "meet" (fst p) (meeting same_pattern (meet_within (snd p)) all)) all
  ++ map (fun r => "resource " ++ print_resource (snd r)) texts
  ++ map (fun p => row "matches" (fst p) (passing (matches (snd p)) texts)) all.

(** Patterns whose meet has about 512 bytes. *)

Fixpoint repeated (c : ascii) (n : nat) : string :=
  match n with 0 => "" | S n => String c (repeated c n) end.

Definition long_patterns : list pattern :=
  let one c := Exact (repeated c 128) in
  let shape ends tail := Pattern ([Exact "mcp"; Any; one "b"%char; Any] ++ ends) tail in
  [Pattern [Exact "mcp"; one "a"%char; Any; one "c"%char; Any] false;
   Pattern [Exact "mcp"; one "a"%char; Any; one "c"%char] true]
  ++ map (fun n => shape [Exact (repeated "d" n)] false) [120; 121; 122]
  ++ map (fun n => shape [Prefix (repeated "d" n)] false) [119; 120; 121]
  ++ map (fun n => shape [Exact (repeated "d" n)] true) [117; 118; 119].

Definition long_rows : list string :=
  let all := numbered long_patterns in
  map (fun p => "long " ++ print (snd p)) all
  ++ flat_map
       (fun p =>
          filter_map
            (fun q =>
               match meet_within (snd p) (snd q) with
               | Some met =>
                   Some (words ["long-meet"; number (fst p); number (fst q); print met])
               | None => None
               end)
            all)
       all.

(** Actions. *)

Definition print_actions (a : actions) : string :=
  match a with All => "*" | These listed => String.concat "," listed end.

Definition some_actions : list actions :=
  [These ["list"]; These ["read"]; These ["write"]; These ["list"; "read"]; These ["list"; "write"];
   These ["read"; "write"]; These ["list"; "read"; "write"]; All].

Definition same_actions (one other : actions) : bool :=
  print_actions one =? print_actions other.

Definition action_rows : list string :=
  let all := numbered some_actions in
  map (fun a => "actions " ++ print_actions (snd a)) all
  ++ map (fun a => row "actions-contain" (fst a) (passing (actions_contain (snd a)) all)) all
  ++ map (fun a => row "actions-meet" (fst a) (meeting same_actions (actions_meet (snd a)) all)) all.

(** Lines of up to three hops, each of one or two grants, dead or alive. *)

(** What the grants of the vectors say of a call: the second of the call is all that they look at. *)
Record bounds := Bounds {
  max_depth : option nat;
  expires_s : option nat;
  asks : bool;
}.

Definition bounds_answer (b : bounds) (second : nat) (s : standing) : answer :=
  let reaches := match max_depth b with Some most => (distance s <=? most)%nat | None => true end in
  let in_time := match expires_s b with Some ends => (second <? ends)%nat | None => true end in
  if reaches && in_time then if asks b then NeedsApproval else Allow else Deny.

Lemma bounds_are_monotone b second better worse :
  at_least better worse -> at_most (bounds_answer b second worse) (bounds_answer b second better).
Proof.
  intros [D _]. unfold bounds_answer.
  destruct (match expires_s b with Some _ => _ | None => _ end); rewrite ?andb_false_r, ?andb_true_r;
    [|apply at_most_refl].
  destruct (max_depth b) as [most|]; [|apply at_most_refl].
  destruct (distance worse <=? most)%nat eqn:W; [|apply deny_is_least].
  replace (distance better <=? most)%nat with true; [apply at_most_refl|].
  symmetry. apply Nat.leb_le. apply Nat.leb_le in W. lia.
Qed.

Definition a_grant (p : permission) (b : bounds) : grant nat :=
  Grant nat p (bounds_answer b) (bounds_are_monotone b).

Lemma constant_is_monotone (alive : bool) :
  forall (c : nat) (better worse : standing), at_least better worse -> alive = true -> alive = true.
Proof. auto. Qed.

(** An agent is the number of its hop, counted from the root. *)
Definition a_hop (holder : nat) (alive : bool) (grants : list (grant nat)) : hop nat nat :=
  Hop nat nat holder 0 (fun _ _ => alive) (constant_is_monotone alive) grants.

Definition some_grants : list (permission * bounds) :=
  let read := These ["read"] in
  let mcp last := [Exact "mcp"; last] in
  let free := Bounds None None false in
  [(Permission (Pattern (mcp (Exact "a")) false) read, free);
   (Permission (Pattern (mcp Any) false) read, Bounds (Some 0) None false);
   (Permission (Pattern (mcp Any) false) All, Bounds (Some 1) None false);
   (Permission (Pattern (mcp (Prefix "b")) false) read, Bounds None (Some 10) false);
   (Permission (Pattern [Exact "mcp"] true) All, Bounds None (Some 10) true);
   (Permission (Pattern (mcp (Exact "a")) false) All, Bounds (Some 1) None true)].

Definition print_option (word : string) (n : option nat) : list string :=
  match n with Some n => [word ++ "=" ++ number n] | None => [] end.

Definition print_grant (given : permission * bounds) : string :=
  let (p, b) := given in
  words (["grant"; print_actions (of_actions p) ++ ":" ++ print (of_pattern p)]
         ++ print_option "depth" (max_depth b) ++ print_option "expires_s" (expires_s b)
         ++ if asks b then ["approve"] else []).

Definition requests : list (string * resource * nat) :=
  flat_map
    (fun second =>
       flat_map (fun r => map (fun action => (action, r, second)) ["read"; "write"])
         [["mcp"; "a"]; ["mcp"; "b"]])
    [9; 10].

Definition print_request (request : string * resource * nat) : string :=
  let '(action, r, second) := request in
  words ["request"; action; print_resource r; number second].

(** A hop by the numbers of its grants, and whether it is alive. *)
Definition shape : Type := bool * list nat.

Fixpoint pairs {A} (items : list A) : list (list A) :=
  match items with
  | [] => []
  | first :: rest => map (fun second => [first; second]) rest ++ pairs rest
  end.

Definition shapes : list shape :=
  let all := seq 0 (List.length some_grants) in
  let single := map (fun n => [n]) all in
  map (pair true) (single ++ pairs all) ++ map (pair false) single.

Definition hop_of (holder : nat) (s : shape) : hop nat nat :=
  let (alive, numbers) := s in
  let grant_of n := option_map (fun given => a_grant (fst given) (snd given)) (nth_error some_grants n) in
  a_hop holder alive (filter_map grant_of numbers).

(** The leaf first; what follows the first is above it. *)
Fixpoint line_of (leaf : shape) (above : list shape) : line nat nat :=
  match above with
  | [] => Root nat nat (hop_of 0 leaf)
  | next :: rest => Below nat nat (hop_of (List.length above) leaf) (line_of next rest)
  end.

Definition lines_of (list : list shape) : Datatypes.list (line nat nat) :=
  match list with [] => [] | leaf :: above => [line_of leaf above] end.

Definition print_shape (s : shape) : string :=
  let (alive, numbers) := s in
  String.concat "+" (map number numbers) ++ if alive then "" else "!".

Definition print_shapes (list : list shape) : string := String.concat "/" (map print_shape list).

Definition digit (a : answer) : string :=
  match a with Deny => "0" | NeedsApproval => "1" | Allow => "2" end.

(** The answers to all requests, a digit for each. *)
Definition answers (guardrails : list (guardrail nat nat)) (lines : list (line nat nat)) : string :=
  let answer request :=
    let '(action, r, second) := request in
    digit (decide nat nat guardrails (Call nat action r second) lines) in
  String.concat "" (map answer requests).

(** Every so manieth item, beginning with the first. *)
Fixpoint every_from {A} (skip step : nat) (items : list A) : list A :=
  match items, skip with
  | [], _ => []
  | first :: rest, 0 => first :: every_from step step rest
  | _ :: rest, S skip => every_from skip step rest
  end.

Definition line_row (list : list shape) : string :=
  words ["line"; print_shapes list; answers [] (lines_of list)].

Definition line_rows (skip : nat) : list string :=
  map print_grant some_grants ++ map print_request requests
  ++ map line_row
       (lists shapes 1 ++ lists shapes 2 ++ every_from 0 skip (lists shapes 3)).

(** Guardrails: what is never to be done, the hop whose agent it names, and when it ends. *)
Definition some_guardrails : list (permission * nat * option nat) :=
  let on pattern actions := Permission pattern actions in
  [(on (Pattern [Exact "mcp"; Exact "a"] false) (These ["read"]), 0, None);
   (on (Pattern [Exact "mcp"; Any] false) (These ["write"]), 1, None);
   (on (Pattern [] true) All, 2, Some 10)].

Definition print_guardrail (given : permission * nat * option nat) : string :=
  let '(p, holder, ends) := given in
  words (["guardrail"; print_actions (of_actions p) ++ ":" ++ print (of_pattern p);
          "hop=" ++ number holder]
         ++ print_option "expires_s" ends).

Definition guardrail_of (given : permission * nat * option nat) : guardrail nat nat :=
  let '(p, holder, ends) := given in
  fun agent call =>
    (agent =? holder)%nat && permission_matches p (action nat call) (on nat call)
    && match ends with Some ends => (within nat call <? ends)%nat | None => true end.

Definition guarded_row (set : list nat) (list : list shape) : string :=
  let guardrails := filter_map (fun n => option_map guardrail_of (nth_error some_guardrails n)) set in
  words ["guarded"; String.concat "+" (map number set); print_shapes list;
         answers guardrails (lines_of list)].

Definition guarded_rows (skip : nat) : list string :=
  let alive := filter fst shapes in
  map print_guardrail some_guardrails
  ++ flat_map (fun list => map (fun set => guarded_row set list) [[0]; [1]; [2]; [0; 1]])
       (lists alive 1 ++ every_from 0 skip (lists alive 2) ++ every_from 0 (skip * 10) (lists alive 3)).

(** An agent with two lines, each from an agent of its own. *)
Definition agent_rows (skip : nat) : list string :=
  map
    (fun shapes =>
       let '(one, other) := (firstn 2 shapes, skipn 2 shapes) in
       words ["agent"; print_shapes one; print_shapes other;
              answers [] (lines_of one ++ lines_of other)])
    (every_from 0 skip (lists (firstn 12 shapes) 4)).

(** What is kept in the tree, and all that `cargo xtask prove` looks at. *)

(** The last two say how many lines, and how many guarded lines and pairs of lines, are left out between
    two that are not. *)
Definition rows (text_length depth lines_skip others_skip : nat) : list string :=
  text_rows text_length ++ grammar_rows ++ pattern_rows depth ++ long_rows ++ action_rows
  ++ line_rows lines_skip ++ guarded_rows others_skip ++ agent_rows (others_skip * 5).

Definition kept : list string := rows 3 1 16 16.
Definition all : list string := rows 4 2 0 1.

(** In pages, since Coq prints a list as deeply as it is long. *)
Fixpoint pages_from {A} (room : nat) (page items : list A) : list (list A) :=
  match items, room with
  | [], _ => [rev page]
  | item :: items, 0 => rev page :: pages_from 499 [item] items
  | item :: items, S room => pages_from room (item :: page) items
  end.

Definition kept_pages : list (list string) := pages_from 500 [] kept.
Definition all_pages : list (list string) := pages_from 500 [] all.
