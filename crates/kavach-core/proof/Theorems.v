(** What each theorem rests on: nothing. `cargo xtask prove` sees to it that every theorem is asked about,
    and that Coq says so of each. *)

From Kavach Require Import Pattern Meet Length Union Action Permission Line.

Print Assumptions pattern_is_not_empty.
Print Assumptions contains_exact.
Print Assumptions same_resources_same_pattern.
Print Assumptions meet_some.
Print Assumptions meet_none.
Print Assumptions meet_is_pattern.
Print Assumptions meet_none_exact.
Print Assumptions meet_comm.
Print Assumptions meet_assoc.
Print Assumptions meet_idempotent.
Print Assumptions contains_is_meet.
Print Assumptions meet_within_exact.
Print Assumptions meet_within_sound.
Print Assumptions settled_is_covered.
Print Assumptions actions_are_not_empty.
Print Assumptions actions_contain_exact.
Print Assumptions actions_meet_some.
Print Assumptions actions_meet_none.
Print Assumptions actions_meet_is_actions.
Print Assumptions actions_meet_none_exact.
Print Assumptions permission_contains_exact.
Print Assumptions permission_meet_some.
Print Assumptions permission_meet_none.
Print Assumptions permission_meet_is_permission.
Print Assumptions all_meets_exact.
Print Assumptions contained_may_go.
Print Assumptions child_below_parent.
Print Assumptions below_every_ancestor.
Print Assumptions denied_by_an_ancestor.
Print Assumptions allowed_by_every_hop.
Print Assumptions narrowing_never_raises.
Print Assumptions narrowing_never_raises_an_agent.
Print Assumptions narrower_grants_narrow.
Print Assumptions fewer_grants_narrow.
Print Assumptions ending_narrows.
Print Assumptions distrust_narrows.
Print Assumptions adding_a_grant_never_lowers.
Print Assumptions removing_grants_never_raises.
Print Assumptions order_of_grants_is_irrelevant.
Print Assumptions order_of_lines_is_irrelevant.
Print Assumptions adding_a_line_never_lowers.
Print Assumptions guardrails_win.
Print Assumptions adding_a_guardrail_never_raises.
Print Assumptions guarded_below.
