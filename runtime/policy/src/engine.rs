//! Cedar decides: policy files in, decisions out.
//!
//! `load` turns files into `rules`, in `slices` for each question, and notes what they mention; `request` shows Cedar the mentioned parts of a request;
//! `judge` asks one question for the call and one for each need, and concludes; `cache` keeps what was concluded.

mod arguments;
mod cache;
mod error;
mod explain;
mod judge;
mod load;
mod mentions;
mod request;
mod rules;
mod slices;
mod standing;
mod vocabulary;

pub use error::{Fault, Place, PolicyError, Problem};
pub use explain::Explanation;
pub use judge::{Question, Verdict};
pub use request::{Request, Spent};
pub use standing::{Asked, Sending, Standing};

use crate::{Bounds, Decision, Denial, Provenance, Refusal};
use cache::{Cache, Key};
use judge::Answer;
use mentions::Mentions;
use request::{Observed, Parts};
use rules::Rules;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use vocabulary::{Action, Kind, entity};

/// Policies that were parsed and validated. They never change; changed policy is another value.
///
/// What no policy permits is denied, a forbid beats every permit, and a policy that fails while it is evaluated denies
/// what it was evaluated for.
pub struct Policy {
    sources: Vec<(String, String)>,
    rules: Arc<Rules>,
    mentions: Mentions,
    cache: Cache,
}

impl Policy {
    /// Reads policy files, each with the name by which errors call it. They count as one.
    ///
    /// A policy's id is its annotation `@id("…")`, or its file's name without extension, `#` and its number in the file,
    /// from 1. A permit with `@approval("…, …")` allows only once one of those who are named has agreed.
    ///
    /// # Errors
    /// Lists everything that is wrong, with places.
    pub fn parse<N: AsRef<str>, T: AsRef<str>>(sources: &[(N, T)]) -> Result<Self, PolicyError> {
        let own = |(name, text): &(N, T)| (name.as_ref().to_owned(), text.as_ref().to_owned());
        let sources: Vec<_> = sources.iter().map(own).collect();
        let (rules, mentions) = load::load(&sources, sources.len())?;
        Ok(Self { sources, rules: Arc::new(rules), mentions, cache: Cache::default() })
    }

    /// Whether any of them wants changes staged.
    pub fn stages(&self) -> bool {
        self.rules.stages()
    }

    /// The policy that denies everything.
    pub fn none() -> Self {
        let rules = Arc::new(Rules::new(Vec::new(), Default::default(), Default::default()));
        Self { sources: Vec::new(), rules, mentions: Mentions::default(), cache: Cache::default() }
    }

    /// The files as they were read: name and text.
    pub fn sources(&self) -> &[(String, String)] {
        &self.sources
    }

    /// Decides on a call, and mints the grant if it may run.
    pub fn decide(&self, request: &Request<'_>) -> Decision {
        let observed = match Observed::new(request, &self.mentions) {
            Ok(observed) => observed,
            Err(error) => return unable(request, &error).decision(),
        };
        if request.within.is_some() {
            return self.judge(request, &observed, &BTreeSet::new()).1.decision();
        }
        let key = Key::new(request, observed);
        if let Some(answer) = self.cache.get(&key) {
            return answer.decision();
        }
        let (_, answer) = self.judge(request, key.observed(), &BTreeSet::new());
        self.cache.insert(key, answer.clone());
        answer.decision()
    }

    /// Decides on a call that was asked about before. `agreed` holds those who have agreed to exactly this request, as
    /// `@approval` names them; where others have to agree too, the answer is to ask them.
    pub fn decide_approved(&self, request: &Request<'_>, agreed: &BTreeSet<String>) -> Decision {
        self.answer(request, agreed).1.decision()
    }

    /// What would come of a request if everybody agreed who has to: what the call could reach then, and who that is.
    ///
    /// # Errors
    /// Why the call would be refused whoever agrees.
    pub fn foresee(&self, request: &Request<'_>) -> Result<Foreseen, Denial> {
        let mut approvers = BTreeSet::new();
        loop {
            match self.answer(request, &approvers).1 {
                Answer::Allow { grant } => return Ok(Foreseen { bounds: Bounds(grant), approvers }),
                Answer::Deny(denial) => return Err(denial),
                Answer::Ask { approvers: more, .. } => approvers.extend(more),
            }
        }
    }

    /// Whether a planner may see the result of a call, which came from these sources. The request's arguments are not asked
    /// about.
    ///
    /// # Errors
    /// What was refused, by which policies, and for the operator what would allow it.
    pub fn reveal(&self, request: &Request<'_>, sources: &Provenance) -> Result<Asked, Refusal> {
        let (nothing, nowhere) = (serde_json::json!({}), Default::default());
        let request = Request { args: &nothing, provenance: &nowhere, ..*request };
        let parts = Observed::new(&request, &self.mentions).map_err(Into::into);
        let parts = parts.and_then(|observed| Parts::new(&request, &observed, &self.mentions)?.with(sources));
        Standing::of_result(&self.rules, &request, parts)
    }

    /// The same policy with further files, whose policies can all but forbid.
    ///
    /// # Errors
    /// As for [`Policy::parse`], and where one of them permits something.
    pub fn tightened<N: AsRef<str>, T: AsRef<str>>(&self, more: &[(N, T)]) -> Result<Self, PolicyError> {
        let own = |(name, text): &(N, T)| (name.as_ref().to_owned(), text.as_ref().to_owned());
        let kept = self.sources.len();
        let sources: Vec<_> = self.sources.iter().cloned().chain(more.iter().map(own)).collect();
        let (rules, mentions) = load::load(&sources, kept)?;
        Ok(Self { sources, rules: Arc::new(rules), mentions, cache: Cache::default() })
    }

    /// What [`Policy::decide`] would say, with every question that it asks.
    pub fn explain(&self, request: &Request<'_>) -> Explanation {
        let (questions, answer) = self.answer(request, &BTreeSet::new());
        Explanation { questions, answer }
    }

    fn answer(&self, request: &Request<'_>, agreed: &BTreeSet<String>) -> (Vec<Question>, Answer) {
        match Observed::new(request, &self.mentions) {
            Ok(observed) => self.judge(request, &observed, agreed),
            Err(error) => (Vec::new(), unable(request, &error)),
        }
    }

    fn judge(
        &self,
        request: &Request<'_>,
        observed: &Observed<'_>,
        agreed: &BTreeSet<String>,
    ) -> (Vec<Question>, Answer) {
        let parts = match Parts::new(request, observed, &self.mentions) {
            Ok(parts) => parts,
            Err(error) => return (Vec::new(), unable(request, &error)),
        };
        let judged = judge::judge(&self.rules, request, &parts, agreed, |asks| {
            // Few calls ask for anything while they run.
            (!asks.is_empty())
                .then(|| Arc::new(Standing::new(&self.rules, request, parts.clone(), self.mentions.request, asks)))
        });
        judged.unwrap_or_else(|error| (Vec::new(), unable(request, &error)))
    }
}

/// What would come of a request if everybody agreed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreseen {
    /// What the call could reach.
    pub bounds: Bounds,
    /// Those of whom somebody has to agree; empty where nobody is asked.
    pub approvers: BTreeSet<String>,
}

/// The answer to a request that policies cannot be asked about.
fn unable(request: &Request<'_>, error: &dyn fmt::Display) -> Answer {
    Answer::deny(Action::Call, &entity(Kind::Tool, request.tool.as_str()), error.to_string())
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files: Vec<_> = self.sources.iter().map(|(name, _)| name).collect();
        f.debug_struct("Policy").field("files", &files).finish_non_exhaustive()
    }
}
