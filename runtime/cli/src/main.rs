//! The program `gloveport`.

fn main() -> std::process::ExitCode {
    cli::main()
}
