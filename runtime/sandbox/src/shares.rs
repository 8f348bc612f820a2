//! Places that tenants share in equal parts: whoever wants one waits behind its own, and tenants take turns.

use crate::ledger::lock;
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
};
use tokio::sync::oneshot;

/// A tenant's name.
pub(crate) type Tenant = Arc<str>;

/// So many places. Where there are enough to share, no tenant takes all of them: see [`Shares::allows`].
#[derive(Debug)]
pub(crate) struct Shares {
    state: Mutex<State>,
    /// How many times the free places a tenant may hold; `None` where places come back by themselves in a moment.
    hold: Option<u32>,
}

#[derive(Debug, Default)]
struct State {
    free: u32,
    tenants: HashMap<Tenant, Own>,
    /// Tenants that wait, in the order of their turns.
    turns: VecDeque<Tenant>,
}

#[derive(Debug, Default)]
struct Own {
    held: u32,
    waiting: VecDeque<(u32, oneshot::Sender<Places>)>,
}

/// Some places, until they are dropped.
#[derive(Debug)]
pub(crate) struct Places {
    of: Arc<Shares>,
    tenant: Tenant,
    count: u32,
}

impl Shares {
    pub(crate) fn new(places: u32, hold: Option<u32>) -> Arc<Self> {
        let state = State { free: places, ..State::default() };
        Arc::new(Self { state: Mutex::new(state), hold })
    }

    /// Takes places as soon as it is the tenant's turn.
    pub(crate) async fn take(self: &Arc<Self>, tenant: &Tenant, count: u32) -> Places {
        let waiting = {
            let mut state = lock(&self.state);
            // Whoever else waits while there are free places holds too many already.
            let waits = state.tenants.get(tenant).is_some_and(|own| !own.waiting.is_empty());
            if !waits && self.allows(&state, tenant, count) {
                return self.give(&mut state, tenant, count);
            }
            let (sender, waiting) = oneshot::channel();
            let own = state.tenants.entry(Arc::clone(tenant)).or_default();
            own.waiting.push_back((count, sender));
            if own.waiting.len() == 1 {
                state.turns.push_back(Arc::clone(tenant));
            }
            waiting
        };
        let mut waiting = Waiting { of: self, tenant, places: Some(waiting) };
        let taken = match &mut waiting.places {
            Some(places) => places.await,
            None => std::future::pending().await,
        };
        match taken {
            Ok(places) => {
                waiting.places = None;
                places
            }
            // The other half is in the state, which `self` keeps.
            Err(_) => std::future::pending().await,
        }
    }

    /// How many of a tenant's wait.
    pub(crate) fn waiting(&self, tenant: &Tenant) -> usize {
        lock(&self.state).tenants.get(tenant).map_or(0, |own| own.waiting.len())
    }

    /// A tenant may hold some times what would then be free (dynamic thresholds, as switches share a buffer between their
    /// ports: Choudhury and Hahne, 1998): alone it gets most of all places, and another one always finds some. What it
    /// holds nothing of yet it may always take.
    fn allows(&self, state: &State, tenant: &Tenant, count: u32) -> bool {
        let Some(free) = state.free.checked_sub(count) else { return false };
        let held = state.tenants.get(tenant).map_or(0, |own| own.held);
        held == 0 || self.hold.is_none_or(|hold| held + count <= free.saturating_mul(hold))
    }

    fn give(self: &Arc<Self>, state: &mut State, tenant: &Tenant, count: u32) -> Places {
        state.free -= count;
        state.tenants.entry(Arc::clone(tenant)).or_default().held += count;
        Places { of: Arc::clone(self), tenant: Arc::clone(tenant), count }
    }

    fn give_back(self: &Arc<Self>, tenant: &Tenant, count: u32) {
        // Whoever does not wait any more gives back at once, which must not find the lock taken.
        let mut unwanted = Vec::new();
        let mut state = lock(&self.state);
        state.free += count;
        if let Some(own) = state.tenants.get_mut(tenant) {
            own.held -= count;
            // Whoever does not wait any more neither counts nor keeps others waiting.
            own.waiting.retain(|(_, sender)| !sender.is_closed());
            if own.waiting.is_empty() {
                let idle = own.held == 0;
                state.turns.retain(|turn| turn != tenant);
                if idle {
                    state.tenants.remove(tenant);
                }
            }
        }
        let mut left = state.turns.len();
        while left > 0 && state.free > 0 {
            left -= 1;
            let Some(next) = state.turns.pop_front() else { break };
            let wanted = state.tenants.get(&next).and_then(|own| own.waiting.front().map(|(count, _)| *count));
            let Some(count) = wanted else { continue };
            if !self.allows(&state, &next, count) {
                state.turns.push_back(next);
                continue;
            }
            let sender = state.tenants.get_mut(&next).and_then(|own| own.waiting.pop_front());
            let places = self.give(&mut state, &next, count);
            if let Some((_, sender)) = sender {
                unwanted.extend(sender.send(places).err());
            }
            if state.tenants.get(&next).is_some_and(|own| !own.waiting.is_empty()) {
                // Its next turn comes after everybody else's.
                state.turns.push_back(next);
                left = state.turns.len();
            }
        }
        drop(state);
        drop(unwanted);
    }
}

/// A place in the queue, until places are had or nobody wants them any more.
struct Waiting<'a> {
    of: &'a Arc<Shares>,
    tenant: &'a Tenant,
    places: Option<oneshot::Receiver<Places>>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(places) = self.places.take() {
            drop(places);
            self.of.give_back(self.tenant, 0);
        }
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        self.of.give_back(&self.tenant, self.count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{future::Future, pin::Pin, task::Context};

    type Taking = Pin<Box<dyn Future<Output = Places>>>;

    fn take(shares: &Arc<Shares>, tenant: &str, count: u32) -> Taking {
        let (shares, tenant): (_, Tenant) = (Arc::clone(shares), tenant.into());
        Box::pin(async move { shares.take(&tenant, count).await })
    }

    /// Polls all; the names of those that got places now, which are put into `held`.
    fn got(waiting: &mut Vec<(String, Taking)>, held: &mut Vec<(String, Places)>) -> Vec<String> {
        let mut context = Context::from_waker(std::task::Waker::noop());
        let mut names = Vec::new();
        waiting.retain_mut(|(name, taking)| match taking.as_mut().poll(&mut context) {
            std::task::Poll::Ready(places) => {
                names.push(name.clone());
                held.push((name.clone(), places));
                false
            }
            std::task::Poll::Pending => true,
        });
        names
    }

    #[test]
    fn tenants_take_turns() {
        let shares = Shares::new(1, None);
        let mut waiting: Vec<_> =
            ["a", "a", "a", "a", "b", "c", "b"].map(|name| (name.to_owned(), take(&shares, name, 1))).into();
        let (mut held, mut order) = (Vec::new(), Vec::new());
        while !waiting.is_empty() {
            order.extend(got(&mut waiting, &mut held));
            held.clear();
        }
        assert_eq!(order, ["a", "a", "b", "c", "a", "b", "a"]);
        assert_eq!(lock(&shares.state).free, 1);
        assert!(lock(&shares.state).tenants.is_empty());
    }

    #[test]
    fn nobody_takes_all() {
        let shares = Shares::new(100, Some(3));
        let mut waiting: Vec<_> = (0..100).map(|_| ("a".to_owned(), take(&shares, "a", 1))).collect();
        let mut held = Vec::new();
        assert_eq!(got(&mut waiting, &mut held).len(), 75);
        let mut others: Vec<_> = (0..100).map(|_| ("b".to_owned(), take(&shares, "b", 1))).collect();
        let of_b = got(&mut others, &mut held).len();
        assert!(of_b >= 1, "another tenant finds a place");
        // What is given up goes to whoever has less.
        held.drain(..60);
        assert!(got(&mut others, &mut held).len() > 20);
        drop((waiting, others));
        held.clear();
        assert_eq!(lock(&shares.state).free, 100);
        assert!(lock(&shares.state).tenants.is_empty());
    }

    #[test]
    fn a_tenant_without_any_gets_what_it_needs() {
        let shares = Shares::new(5, Some(3));
        let mut waiting = vec![("a".to_owned(), take(&shares, "a", 5))];
        let mut held = Vec::new();
        assert_eq!(got(&mut waiting, &mut held), ["a"]);
        waiting.push(("b".to_owned(), take(&shares, "b", 1)));
        assert!(got(&mut waiting, &mut held).is_empty());
        held.clear();
        assert_eq!(got(&mut waiting, &mut held), ["b"]);
    }

    /// Who is gone neither counts as waiting nor keeps those behind it from what is free.
    #[test]
    fn who_is_gone_does_not_wait() {
        let shares = Shares::new(5, None);
        let mut held = Vec::new();
        assert_eq!(got(&mut vec![("b".to_owned(), take(&shares, "b", 2))], &mut held), ["b"]);
        let mut large = vec![("a".to_owned(), take(&shares, "a", 5))];
        let mut small = vec![("a".to_owned(), take(&shares, "a", 1))];
        assert!(got(&mut large, &mut held).is_empty() && got(&mut small, &mut held).is_empty());
        assert_eq!(shares.waiting(&"a".into()), 2);
        drop(large);
        assert_eq!(got(&mut small, &mut held), ["a"], "three are free");
        assert_eq!(shares.waiting(&"a".into()), 0);
        for _ in 0..3 {
            let mut gone = vec![("a".to_owned(), take(&shares, "a", 5))];
            assert!(got(&mut gone, &mut held).is_empty());
        }
        assert_eq!(shares.waiting(&"a".into()), 0);
        held.clear();
        let state = lock(&shares.state);
        assert_eq!((state.free, state.tenants.len(), state.turns.len()), (5, 0, 0));
    }
}
