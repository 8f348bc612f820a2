//! Time. The virtual clock starts where the call is told to, advances by a microsecond each time it is read, and jumps
//! to the end of every wait: the same call reads the same times whenever it runs.

use wasmtime::component::{Resource, ResourceTable};
use wasmtime_wasi::{
    clocks::WasiClocksCtxView,
    p2::{
        DynPollable, Pollable,
        bindings::clocks::{monotonic_clock, wall_clock},
        subscribe,
    },
};

/// How far the virtual clock advances when it is read, so that a loop that waits for time to pass comes to an end.
const STEP_NS: u64 = 1_000;

/// A clock that only the guest moves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VirtualClock {
    start_ms: u64,
    elapsed_ns: u64,
}

impl VirtualClock {
    pub(crate) fn starting_at(start_ms: u64) -> Self {
        Self { start_ms, elapsed_ns: 0 }
    }

    fn read(&mut self) -> u64 {
        self.elapsed_ns = self.elapsed_ns.saturating_add(STEP_NS);
        self.elapsed_ns
    }

    fn wall(&mut self) -> wall_clock::Datetime {
        let now = self.read().saturating_add(self.start_ms.saturating_mul(1_000_000));
        wall_clock::Datetime { seconds: now / 1_000_000_000, nanoseconds: (now % 1_000_000_000) as u32 }
    }
}

/// The clocks of one call: the real ones where the grant says so.
pub(crate) struct ClockDoor<'a> {
    pub(crate) real: WasiClocksCtxView<'a>,
    pub(crate) virtual_clock: Option<&'a mut VirtualClock>,
}

/// A wait on the virtual clock is over as soon as it is waited for.
struct Over;

#[wasmtime_wasi::async_trait]
impl Pollable for Over {
    // At once, so that asking without waiting says so too. A guest that polls in a loop yields with the epoch.
    async fn ready(&mut self) {}
}

fn over(table: &mut ResourceTable) -> wasmtime::Result<Resource<DynPollable>> {
    let wait = table.push(Over)?;
    subscribe(table, wait)
}

impl wall_clock::Host for ClockDoor<'_> {
    fn now(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        match &mut self.virtual_clock {
            Some(clock) => Ok(clock.wall()),
            None => wall_clock::Host::now(&mut self.real),
        }
    }

    fn resolution(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        match self.virtual_clock {
            Some(_) => Ok(wall_clock::Datetime { seconds: 0, nanoseconds: STEP_NS as u32 }),
            None => wall_clock::Host::resolution(&mut self.real),
        }
    }
}

impl monotonic_clock::Host for ClockDoor<'_> {
    fn now(&mut self) -> wasmtime::Result<u64> {
        match &mut self.virtual_clock {
            Some(clock) => Ok(clock.read()),
            None => monotonic_clock::Host::now(&mut self.real),
        }
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        match self.virtual_clock {
            Some(_) => Ok(STEP_NS),
            None => monotonic_clock::Host::resolution(&mut self.real),
        }
    }

    fn subscribe_instant(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        match &mut self.virtual_clock {
            Some(clock) => {
                clock.elapsed_ns = clock.elapsed_ns.max(when);
                over(self.real.table)
            }
            None => self.real.subscribe_instant(when),
        }
    }

    fn subscribe_duration(&mut self, duration: u64) -> wasmtime::Result<Resource<DynPollable>> {
        match &mut self.virtual_clock {
            Some(clock) => {
                clock.elapsed_ns = clock.elapsed_ns.saturating_add(duration);
                over(self.real.table)
            }
            None => self.real.subscribe_duration(duration),
        }
    }
}
