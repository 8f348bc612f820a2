//! What waits for people, and what they said.

use crate::footprint::Footprint;
use journal::{About, Answer, Ask, Author, Steering};
use policy::Digest;
use serde::Deserialize as _;
use std::collections::BTreeSet;

/// What lies on a person's desk, and what came back from it.
#[derive(Debug, Clone, Default)]
pub struct Desk {
    asks: Vec<Asked>,
    paused: Option<Author>,
    cancelled: Option<(Author, String)>,
    tightened: Vec<(String, String)>,
    /// What was approved of the plan as a whole.
    agreed: Option<Footprint>,
    /// Who refused the plan, and why.
    refused: Option<(Author, String)>,
}

/// Something that was asked.
#[derive(Debug, Clone)]
pub struct Asked {
    /// What.
    pub ask: Ask,
    /// What was answered, and by whom.
    pub answer: Option<(Answer, Author)>,
    /// Whether the answer has had its effect: it has one only once.
    pub used: bool,
}

impl Desk {
    /// Everything that was asked, in order.
    pub fn asks(&self) -> &[Asked] {
        &self.asks
    }

    /// What was asked under this digest, the last time.
    pub fn find(&self, digest: &Digest) -> Option<&Asked> {
        self.asks.iter().rev().find(|asked| asked.ask.digest == *digest)
    }

    /// What waits for an answer that would still count.
    pub fn open(&self, now_ms: u64) -> impl Iterator<Item = &Ask> {
        let over = self.cancelled.is_some();
        let open = move |asked: &&Asked| !over && asked.answer.is_none() && !asked.used && now_ms < asked.ask.until_ms;
        self.asks.iter().filter(open).map(|asked| &asked.ask)
    }

    /// Who stopped it for now.
    pub fn paused(&self) -> Option<&Author> {
        self.paused.as_ref()
    }

    /// Who ended it, and why.
    pub fn cancelled(&self) -> Option<&(Author, String)> {
        self.cancelled.as_ref()
    }

    /// What was approved of the plan as a whole.
    pub fn agreed(&self) -> Option<&Footprint> {
        self.agreed.as_ref()
    }

    /// Who refused the plan, and why.
    pub fn refused(&self) -> Option<&(Author, String)> {
        self.refused.as_ref()
    }

    /// Rules that were added, each file's name and text.
    pub fn tightened(&self) -> &[(String, String)] {
        &self.tightened
    }

    /// Who has approved exactly this, where that has not been used and still counts.
    pub(crate) fn approvals(&self, digest: &Digest, now_ms: u64) -> BTreeSet<String> {
        let counts = |asked: &&Asked| asked.ask.digest == *digest && !asked.used && now_ms < asked.ask.until_ms;
        let by = |asked: &Asked| match &asked.answer {
            Some((Answer::Approve, by)) => Some(by.name.clone()),
            Some(_) | None => None,
        };
        self.asks.iter().filter(counts).filter_map(by).collect()
    }

    pub(super) fn ask(&mut self, ask: Ask) {
        // A plan that was asked about before is another one now.
        if ask.about == About::Plan {
            self.asks.iter_mut().filter(|asked| asked.ask.about == About::Plan).for_each(|asked| asked.used = true);
        }
        self.asks.push(Asked { ask, answer: None, used: false });
    }

    /// Gives back what the answer is about, where it is one to something that waits for it.
    pub(super) fn answer(&mut self, digest: &Digest, answer: &Answer, by: &Author, at_ms: u64) -> Option<About> {
        let open = |asked: &&mut Asked| asked.ask.digest == *digest && asked.answer.is_none() && !asked.used;
        let asked = self.asks.iter_mut().rev().find(open)?;
        let may = asked.ask.approvers.is_empty() || asked.ask.approvers.contains(&by.name);
        if !may || at_ms >= asked.ask.until_ms {
            return None;
        }
        asked.answer = Some((answer.clone(), by.clone()));
        let about = asked.ask.about.clone();
        if about == About::Plan {
            asked.used = true;
            match answer {
                // It is this program's own form; what is in none counts for nothing.
                Answer::Approve => self.agreed = Footprint::deserialize(&asked.ask.shown["footprint"]).ok(),
                Answer::Reject(why) | Answer::Say(why) => self.refused = Some((by.clone(), why.clone())),
            }
        }
        Some(about)
    }

    pub(super) fn spend(&mut self, digest: &Digest) {
        self.asks.iter_mut().filter(|asked| asked.ask.digest == *digest).for_each(|asked| asked.used = true);
    }

    /// Takes back what is asked of a step that will not come to it any more.
    pub(super) fn withdraw(&mut self, step: &str) {
        let of_step = |asked: &&mut Asked| matches!(&asked.ask.about, About::Step(id) if id == step);
        self.asks.iter_mut().filter(of_step).for_each(|asked| asked.used = true);
    }

    pub(super) fn steer(&mut self, steering: &Steering, by: &Author) {
        match steering {
            Steering::Pause => self.paused = Some(by.clone()),
            Steering::Continue => self.paused = None,
            Steering::Cancel(why) => self.cancelled = Some((by.clone(), why.clone())),
            Steering::Tighten(name, text) => self.tightened.push((name.clone(), text.clone())),
            // What it is about is in the conversation.
            Steering::Tell(_) => {}
        }
    }
}
