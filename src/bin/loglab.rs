//! The command line: the engine without a browser, for tests and for people who keep scenarios in their repositories.

#[cfg(target_family = "wasm")]
fn main() {}

#[cfg(not(target_family = "wasm"))]
fn main() -> std::process::ExitCode {
    command_line::main()
}

#[cfg(not(target_family = "wasm"))]
mod command_line {
    use std::process::ExitCode;

    use clap::{Parser, Subcommand};
    use loglab::lab::scenario::error::nearest;
    use loglab::lab::scenario::{BUILTINS, Builtin, Scenario, parse};

    /// Kafka's log, cluster and clients as one deterministic simulation.
    ///
    /// Exit codes: 0 when all is well, 1 when a run did not meet an expectation or found what none names, 2 for bad input.
    #[derive(Parser)]
    #[command(name = "loglab", version)]
    struct Arguments {
        #[command(subcommand)]
        command: Command,
    }

    #[derive(Subcommand)]
    enum Command {
        /// List the built-in scenarios.
        List {
            /// Print one JSON object.
            #[arg(long)]
            json: bool,
        },
        /// Read scenario files and tell what is wrong with them, without running them.
        Check {
            /// Files, or names of built-in scenarios.
            #[arg(required = true, value_name = "FILE|NAME")]
            scenarios: Vec<String>,
        },
    }

    /// Bad input: its text is already on standard error.
    struct BadInput;

    pub fn main() -> ExitCode {
        let done = match Arguments::parse().command {
            Command::List { json } => {
                list(json);
                Ok(ExitCode::SUCCESS)
            }
            Command::Check { scenarios } => check(&scenarios),
        };
        done.unwrap_or_else(|BadInput| ExitCode::from(2))
    }

    fn list(json: bool) {
        if json {
            let scenarios: Vec<_> = BUILTINS
                .iter()
                .map(|builtin| serde_json::json!({ "name": builtin.name, "title": builtin.title() }))
                .collect();
            say(&serde_json::json!({ "scenarios": scenarios }).to_string());
            return;
        }
        let width = BUILTINS.iter().map(|builtin| builtin.name.len()).max().unwrap_or_default();
        for builtin in BUILTINS {
            say(&format!("{:width$}  {}", builtin.name, builtin.title()));
        }
    }

    fn check(scenarios: &[String]) -> Result<ExitCode, BadInput> {
        let wrong = scenarios.iter().filter(|scenario| load(scenario).is_err()).count();
        if wrong > 0 { Err(BadInput) } else { Ok(ExitCode::SUCCESS) }
    }

    /// The scenario of a file, or the built-in one of this name where there is no such file.
    fn load(name: &str) -> Result<Scenario, BadInput> {
        let text = match (std::fs::read_to_string(name), Builtin::named(name)) {
            (Ok(text), _) => text,
            (Err(_), Some(builtin)) => builtin.toml.to_owned(),
            (Err(error), None) => {
                match nearest(name, BUILTINS.iter().map(|builtin| builtin.name)) {
                    Some(nearest) => eprintln!("{name}: {error}; did you mean the built-in scenario {nearest}?"),
                    None => eprintln!("{name}: {error}; `loglab list` names the built-in scenarios"),
                }
                return Err(BadInput);
            }
        };
        parse(&text).map_err(|errors| {
            for error in errors {
                eprintln!("{}", error.in_file(name));
            }
            BadInput
        })
    }

    /// A line on standard output. Whoever reads may stop early, as `head` does; that is no reason to panic.
    fn say(line: &str) {
        use std::io::Write;
        let _ = writeln!(std::io::stdout(), "{line}");
    }
}
