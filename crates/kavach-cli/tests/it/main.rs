//! The real binary, in folders of its own.

mod agents;
mod apply;
mod audit;
mod authorize;
mod corpus;
mod crash;
mod demo;
mod exit_codes;
mod export;
mod folder;
mod help;
mod hostile;
mod look;
mod mask;
mod shell;
mod unprivileged;
