(** Prints all vectors. *)

From Coq Require Import String.
From Kavach Require Import Vectors.
Open Scope string_scope.
Set Printing Depth 100000000.

Eval vm_compute in all_pages.
