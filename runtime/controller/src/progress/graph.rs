//! The steps of a task as they are by now: those of its plan, those that were added, and the calls of a `foreach`.

use crate::plan::Step;
use policy::Provenance;
use std::{collections::HashMap, ops::Range, sync::Arc};

/// Steps and what they wait for. A step keeps its place for good.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    nodes: Vec<Node>,
    places: HashMap<Arc<str>, usize>,
}

/// One step, or one call of a `foreach`.
#[derive(Debug, Clone)]
pub struct Node {
    /// Its id, unique in the task.
    pub id: Arc<str>,
    /// How it is written.
    pub step: Arc<Step>,
    /// Which of the calls of a `foreach` it is.
    pub item: Option<Item>,
    /// Where the choice of it came from, and with it everything that is written in it.
    pub chosen: Arc<Provenance>,
    /// What must have ended before it begins.
    pub(crate) after: Vec<usize>,
    /// Whose results it uses.
    pub(crate) uses: Vec<usize>,
    pub(crate) followers: Vec<usize>,
}

/// One of the calls of a `foreach`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    /// The step's place.
    pub of: usize,
    /// Which one.
    pub index: usize,
}

impl Node {
    /// The places of what must have ended before it begins.
    pub fn waits_for(&self) -> &[usize] {
        &self.after
    }
}

impl Graph {
    /// All of them, in the order in which they came to be.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The place of the step of this id.
    pub fn find(&self, id: &str) -> Option<usize> {
        self.places.get(id).copied()
    }

    /// The ids that new steps can refer to, and cannot have.
    pub(crate) fn ids(&self) -> Vec<&str> {
        self.nodes.iter().filter(|node| node.item.is_none()).map(|node| &*node.id).collect()
    }

    /// The places of all steps, each after those that it waits for.
    pub fn in_order(&self) -> Vec<usize> {
        let mut open: Vec<_> = self.nodes.iter().map(|node| node.after.len()).collect();
        let mut order: Vec<_> = (0..self.nodes.len()).filter(|at| open[*at] == 0).collect();
        let mut next = 0;
        while let Some(at) = order.get(next).copied() {
            for &follower in &self.nodes[at].followers {
                open[follower] -= 1;
                if open[follower] == 0 {
                    order.push(follower);
                }
            }
            next += 1;
        }
        order
    }

    /// Adds steps; those that they refer to are among them, or there already.
    pub(crate) fn add(&mut self, steps: Vec<Step>, chosen: &Arc<Provenance>) -> Range<usize> {
        let from = self.nodes.len();
        for step in steps {
            let id = Arc::from(step.id.as_str());
            self.push(id, Arc::new(step), None, Arc::clone(chosen));
        }
        for at in from..self.nodes.len() {
            let step = Arc::clone(&self.nodes[at].step);
            let places = |ids: &std::collections::BTreeSet<String>| -> Vec<usize> {
                ids.iter().filter_map(|id| self.find(id)).collect()
            };
            let (after, uses) = (places(&step.after), places(&step.uses));
            for &before in &after {
                self.nodes[before].followers.push(at);
            }
            let node = &mut self.nodes[at];
            (node.after, node.uses) = (after, uses);
        }
        from..self.nodes.len()
    }

    /// Says where the choice of all steps came from that there are by now.
    pub(crate) fn choose(&mut self, chosen: &Arc<Provenance>) {
        self.nodes.iter_mut().for_each(|node| node.chosen = Arc::clone(chosen));
    }

    /// Says where the choice of one step came from.
    pub(crate) fn choose_one(&mut self, at: usize, chosen: Arc<Provenance>) {
        self.nodes[at].chosen = chosen;
    }

    /// Adds the calls of a `foreach`. They wait for nothing: their step has waited.
    pub(crate) fn expand(&mut self, of: usize, count: usize) -> Range<usize> {
        let from = self.nodes.len();
        let Node { id, step, chosen, .. } = self.nodes[of].clone();
        for index in 0..count {
            let id = Arc::from(format!("{id}[{index}]"));
            self.push(id, Arc::clone(&step), Some(Item { of, index }), Arc::clone(&chosen));
        }
        from..self.nodes.len()
    }

    fn push(&mut self, id: Arc<str>, step: Arc<Step>, item: Option<Item>, chosen: Arc<Provenance>) {
        self.places.insert(Arc::clone(&id), self.nodes.len());
        self.nodes.push(Node { id, step, item, chosen, after: Vec::new(), uses: Vec::new(), followers: Vec::new() });
    }
}
