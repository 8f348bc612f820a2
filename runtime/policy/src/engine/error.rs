//! Why policy could not be loaded, and where.

use std::fmt;

/// Policy that cannot be used. Nothing of it is in force.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct PolicyError {
    /// Everything that is wrong; at least one.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong with a policy file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What.
    pub fault: Fault,
}

/// A place in a policy file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file's name as it was given.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The line itself, cut where it is very long.
    pub text: String,
}

/// What is wrong at a place in a policy file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is not Cedar.
    #[error("{what}{}", advice(.expected))]
    Syntax {
        /// What stands there.
        what: String,
        /// What could stand there instead.
        expected: Vec<String>,
    },
    /// It is Cedar that does not fit the schema, or that can never apply.
    #[error("{what}{}", advice(.expected))]
    Schema {
        /// What does not fit.
        what: String,
        /// What would.
        expected: Vec<String>,
    },
    /// A template has nothing that fills its slots.
    #[error(
        "a policy with the slot `?principal` or `?resource` is a template, and nothing links it; write out whom or what it is for"
    )]
    Template,
    /// An annotation that nothing reads.
    #[error("nothing reads the annotation `@{0}`; known annotations are `@id`, `@approval` and `@staged`")]
    Annotation(String),
    /// An id that names nothing.
    #[error("`@id` is empty; expected a name, such as `@id(\"read-docs\")`")]
    NoId,
    /// Two policies of one id.
    #[error("the id `{id}` is taken by the policy at {first}; give one of them another `@id`")]
    DuplicateId {
        /// The id.
        id: String,
        /// Where it is used first, as `file:line`.
        first: String,
    },
    /// Approval of something that is forbidden.
    #[error("`@approval` stands on a forbid; only what a permit allows can depend on approval")]
    ApprovalOfForbid,
    /// Approval by nobody.
    #[error(
        "`@approval` names nobody, or an empty name; expected names between commas, such as `@approval(\"alice, bob\")`"
    )]
    NoApprovers,
    /// Staging of what changes nothing in a mount.
    #[error(
        "`@staged` stands on a policy that allows no `write`; only what a permit of `Action::\"write\"` allows can be staged"
    )]
    StagedNothing,
    /// An annotation that takes no value.
    #[error("`@staged` takes no value, and has `{0}`")]
    StagedValue(String),
    /// A permit where policy can only become narrower.
    #[error("policy in force can be tightened, never widened: write a `forbid` for what is not to happen any more")]
    Widens,
    /// A tag that no argument can have.
    #[error(
        "no argument can have the tag `{0}`; expected where it stands, such as `path`, `edits[0].old` or `[\"odd.key\"]`"
    )]
    ArgumentTag(String),
}

/// Longer lines are cut in messages.
const MAX_SHOWN: usize = 200;

impl Place {
    /// The place at a byte offset of a text; the end of the text where the offset lies beyond it.
    pub(super) fn new(file: &str, text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = text[start..].lines().next().unwrap_or_default();
        Self {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[start..].chars().count() + 1,
            text: visible(line.chars().take(MAX_SHOWN)),
        }
    }
}

/// Text that shows as what it is: a policy file cannot steer the terminal that its errors are printed on.
fn visible(text: impl Iterator<Item = char>) -> String {
    let turns =
        |c| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.fold(String::new(), |mut shown, c| {
        if turns(c) || (c.is_control() && c != '\t') {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
        shown
    })
}

fn advice(expected: &[String]) -> String {
    expected.iter().map(|text| format!("; {text}")).collect()
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { file, line, column, text } = &self.place;
        let fault = visible(self.fault.to_string().chars());
        write!(f, "{file}:{line}:{column}: {fault}\n{line:>5} | {text}")
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}
