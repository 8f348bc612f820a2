//! Where the choice of a step came from that conditions made: what decides whether a call is made is in the call as much as
//! what is handed to it.

use super::Progress;
use policy::{Provenance, Source};
use std::sync::Arc;

impl Progress {
    /// Takes in what decided that a step may begin: everything that it waits for is over.
    pub(super) fn weigh(&mut self, at: usize) {
        let node = &self.graph.nodes()[at];
        let mut sources = Provenance::new();
        if let Some(when) = &node.step.when {
            when.steps().iter().for_each(|id| sources.join(&self.ended_by(id)));
            if when.needs_input() {
                sources.join(&self.given());
            }
        }
        // Whoever may be talked into anything can put a question into the order of steps as well: the one before fails where what
        // it looks at is so.
        if node.chosen.iter().any(|source| matches!(source, Source::Planner(_))) {
            let private = |source: &&Source| self.plan.sources.of(source).private;
            for other in &node.after {
                let other = &self.graph.nodes()[*other];
                let mut before = self.ended_by(&other.id);
                other
                    .step
                    .expect
                    .iter()
                    .flat_map(|expect| expect.steps())
                    .for_each(|id| before.join(&self.ended_by(id)));
                sources.join(&before.iter().filter(private).map(Source::shape).collect());
            }
        }
        if !node.chosen.covers(&sources) {
            sources.join(&node.chosen);
            self.graph.choose_one(at, Arc::new(sources));
        }
    }

    /// What there is in how a step ended: where its result came from, and what decided that there is one.
    pub(crate) fn ended_by(&self, id: &str) -> Provenance {
        let Some(at) = self.graph.find(id) else { return Provenance::new() };
        let mut sources = self.steps[at].provenance.clone();
        sources.join(&self.graph.nodes()[at].chosen);
        sources
    }
}
