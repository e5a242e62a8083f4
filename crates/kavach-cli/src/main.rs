//! The binary.

fn main() -> std::process::ExitCode {
    kavach_cli::main()
}
