//! The command line of `bash`.

use std::path::PathBuf;

/// What a command line asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// The name of the shell: `$0`.
    pub(crate) name: String,
    pub(crate) run: Run,
    /// `$1` and so on.
    pub(crate) args: Vec<String>,
    /// What `set -o` is to set, and what it is to unset.
    pub(crate) set: Vec<String>,
    pub(crate) unset: Vec<String>,
    /// The same for `shopt`.
    pub(crate) shopt_set: Vec<String>,
    pub(crate) shopt_unset: Vec<String>,
    pub(crate) posix: bool,
}

/// Where the script is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum Run {
    #[default]
    Stdin,
    Text(String),
    File(PathBuf),
    Resume(String),
    Version,
}

/// Options in letters, and their names for `set -o`.
const LETTERS: [(char, &str); 10] = [
    ('a', "allexport"),
    ('b', "notify"),
    ('C', "noclobber"),
    ('e', "errexit"),
    ('E', "errtrace"),
    ('f', "noglob"),
    ('n', "noexec"),
    ('u', "nounset"),
    ('v', "verbose"),
    ('x', "xtrace"),
];

impl Options {
    /// Reads the arguments after the program's own name.
    pub(crate) fn parse(name: &str, args: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut options = Self { name: name.to_owned(), posix: name == "sh", ..Self::default() };
        let mut args = args.into_iter().peekable();
        let mut is_command = false;
        while let Some(arg) = args.next_if(|arg| arg.len() > 1 && arg.starts_with(['-', '+'])) {
            let value = |args: &mut dyn Iterator<Item = String>| {
                args.next().ok_or_else(|| format!("{arg}: option requires an argument"))
            };
            match arg.as_str() {
                "--" => break,
                crate::system::RESUME => options.run = Run::Resume(value(&mut args)?),
                "--version" => options.run = Run::Version,
                "--posix" => options.posix = true,
                // What they turn off, there is not: files that are read at the start, and editing of lines.
                "--norc" | "--noprofile" | "--noediting" | "--login" => {}
                long if long.starts_with("--") => return Err(format!("{long}: invalid option")),
                _ => {
                    let on = arg.starts_with('-');
                    for letter in arg[1..].chars() {
                        match letter {
                            'c' if on => is_command = true,
                            's' | 'l' | 'i' | 'r' if on => {}
                            'o' => push(&mut options.set, &mut options.unset, on, value(&mut args)?),
                            'O' => push(&mut options.shopt_set, &mut options.shopt_unset, on, value(&mut args)?),
                            letter => {
                                let known = LETTERS.iter().find(|(of, _)| *of == letter);
                                let (_, name) = known.ok_or_else(|| format!("-{letter}: invalid option"))?;
                                push(&mut options.set, &mut options.unset, on, (*name).to_owned());
                            }
                        }
                    }
                }
            }
        }
        if is_command {
            options.run = Run::Text(args.next().ok_or("-c: option requires an argument")?);
            options.name = args.next().unwrap_or(options.name);
        } else if options.run == Run::Stdin
            && let Some(file) = args.next()
        {
            options.name.clone_from(&file);
            options.run = Run::File(file.into());
        }
        options.args = args.collect();
        Ok(options)
    }
}

fn push(set: &mut Vec<String>, unset: &mut Vec<String>, on: bool, name: String) {
    if on { set.push(name) } else { unset.push(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines() {
        let check = |args: &[&str], expected: &str| {
            let got = match Options::parse("bash", args.iter().map(ToString::to_string)) {
                Ok(Options { name, run, args, set, unset, .. }) => {
                    format!("{name} {run:?} {args:?} +{set:?} -{unset:?}")
                }
                Err(error) => error,
            };
            assert_eq!(got, expected, "{args:?}");
        };
        check(&[], "bash Stdin [] +[] -[]");
        check(&["-c", "echo", "me", "1"], r#"me Text("echo") ["1"] +[] -[]"#);
        check(&["-euc", "x"], r#"bash Text("x") [] +["errexit", "nounset"] -[]"#);
        check(&["-o", "pipefail", "+e", "f", "-x"], r#"f File("f") ["-x"] +["pipefail"] -["errexit"]"#);
        check(&["-c"], "-c: option requires an argument");
        check(&["-o"], "-o: option requires an argument");
        check(&["-q"], "-q: invalid option");
        check(&["--nope"], "--nope: invalid option");
        check(&["--", "-f"], r#"-f File("-f") [] +[] -[]"#);
    }
}
