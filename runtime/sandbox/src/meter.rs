//! A call's time on a thread, and its turn among other calls.

use crate::{
    ledger::lock,
    outcome::LimitHit,
    shares::{Places, Shares, Tenant},
};
use policy::{LimitKind, Limits};
use std::{
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};
use wasmtime::UpdateDeadline;

/// A call that has computed for longer than this takes the long lane: only as many of those run at once as there are
/// cores, in turn, so that short calls always find a thread.
const SHORT: Duration = Duration::from_millis(5);

/// A tenant that has so many calls waiting in the long lane gets no short ones beside them: each would be a millisecond
/// that another tenant does not get.
const CROWD: usize = 16;

/// The time that one call has spent on a thread.
#[derive(Debug)]
pub(crate) struct Meter {
    /// The moment from which `since` counts.
    base: Instant,
    /// Nanoseconds spent in polls that are over.
    spent: AtomicU64,
    /// Nanoseconds after `base` at which the poll that is under way began.
    since: AtomicU64,
    /// The call's place in the long lane; given back whenever it waits.
    place: Arc<Mutex<Option<Places>>>,
    lane: Arc<Shares>,
    tenant: Tenant,
    limit: LimitHit,
    /// The call that made this one, whose time this is as well.
    outer: Option<Arc<Self>>,
}

impl Meter {
    pub(crate) fn new(limits: &Limits, lane: Arc<Shares>, tenant: Tenant, outer: Option<Arc<Self>>) -> Self {
        Self {
            base: Instant::now(),
            spent: AtomicU64::new(0),
            since: AtomicU64::new(0),
            place: Arc::default(),
            lane,
            tenant,
            limit: LimitHit { limit: LimitKind::Cpu, value: limits.get(LimitKind::Cpu) },
            outer,
        }
    }

    /// Time from the start of the call.
    pub(crate) fn wall(&self) -> Duration {
        self.base.elapsed()
    }

    /// Time on a thread, without the poll that is under way.
    pub(crate) fn cpu(&self) -> Duration {
        Duration::from_nanos(self.spent.load(Relaxed))
    }

    /// Charges time on a thread, here and to the calls that this one was made from.
    pub(crate) fn add(&self, time: Duration) {
        self.add_nanos(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    fn add_nanos(&self, nanos: u64) {
        let mut meter = Some(self);
        while let Some(charged) = meter {
            // What another process claims never makes less of it.
            let _ = charged.spent.fetch_update(Relaxed, Relaxed, |spent| Some(spent.saturating_add(nanos)));
            meter = charged.outer.as_deref();
        }
    }

    /// The limit that has been reached, `running` nanoseconds into a poll: this call's own, or that of one it was made from.
    fn reached(&self, running: u64) -> Option<LimitHit> {
        let over = |meter: &Self| {
            let spent = Duration::from_nanos(meter.spent.load(Relaxed).saturating_add(running));
            (spent >= Duration::from_millis(meter.limit.value)).then_some(meter.limit)
        };
        let mut meter = Some(self);
        while let Some(asked) = meter {
            if let Some(hit) = over(asked) {
                return Some(hit);
            }
            meter = asked.outer.as_deref();
        }
        None
    }

    fn now(&self) -> u64 {
        u64::try_from(self.base.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// What a guest does whenever an epoch is over: stop at its limit, else let others run.
    pub(crate) fn at_tick(&self) -> wasmtime::Result<UpdateDeadline> {
        let running = self.now().saturating_sub(self.since.load(Relaxed));
        if let Some(hit) = self.reached(running) {
            return Err(hit.into());
        }
        let cpu = Duration::from_nanos(self.spent.load(Relaxed).saturating_add(running));
        if cpu < SHORT && !self.is_crowded() {
            return Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())));
        }
        lock(&self.place).take();
        Ok(UpdateDeadline::YieldCustom(1, Box::pin(self.turn())))
    }

    /// Whether the tenant has so many calls in the long lane that its short ones would be many as well.
    fn is_crowded(&self) -> bool {
        self.lane.waiting(&self.tenant) >= CROWD
    }

    /// A place in the long lane.
    fn turn(&self) -> impl Future<Output = ()> + Send + 'static {
        let (place, lane, tenant) = (Arc::clone(&self.place), Arc::clone(&self.lane), Arc::clone(&self.tenant));
        async move {
            // Tokio's own queue first: an uncontended lane must not keep the thread from other calls.
            tokio::task::yield_now().await;
            let taken = lane.take(&tenant, 1).await;
            *lock(&place) = Some(taken);
        }
    }

    /// Waits to begin where the tenant's other calls wait, too.
    pub(crate) async fn begin(&self) {
        if self.is_crowded() {
            self.turn().await;
        }
    }
}

/// A future whose time on a thread is counted.
pub(crate) struct Metered<'a, F> {
    future: Pin<Box<F>>,
    meter: &'a Meter,
}

impl<'a, F: Future> Metered<'a, F> {
    pub(crate) fn new(meter: &'a Meter, future: F) -> Self {
        Self { future: Box::pin(future), meter }
    }
}

impl<F: Future> Future for Metered<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let began = self.meter.now();
        self.meter.since.store(began, Relaxed);
        let poll = self.future.as_mut().poll(context);
        self.meter.add_nanos(self.meter.now().saturating_sub(began));
        // Whoever waits does not keep its place.
        lock(&self.meter.place).take();
        poll
    }
}
