//! What one call's store holds.

use crate::{
    doors::{
        clock::{ClockDoor, VirtualClock},
        fs::{FsDoor, Tree},
        host::HostDoor,
        http::HttpDoor,
        process::ProcessDoor,
        sockets::SocketDoor,
    },
    ledger::{Connection, Ledger},
    meter::Meter,
    process::Processes,
};
use policy::{LimitKind, Limits};
use std::{collections::HashMap, sync::Arc};
use wasmtime::{ResourceLimiter, component::ResourceTable};
use wasmtime_wasi::{
    WasiCtx, WasiCtxView, WasiView, clocks::WasiClocksCtxView, filesystem::WasiFilesystemCtxView,
    sockets::WasiSocketsCtxView,
};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

/// The data of one call's store.
pub(crate) struct State {
    pub(crate) wasi: WasiCtx,
    pub(crate) table: ResourceTable,
    pub(crate) tree: Tree,
    pub(crate) virtual_clock: Option<VirtualClock>,
    pub(crate) http: HttpDoor,
    pub(crate) http_ctx: WasiHttpCtx,
    pub(crate) host: HostDoor,
    pub(crate) processes: Arc<Processes>,
    /// The directory that a process was started in.
    pub(crate) cwd: Option<String>,
    /// The sockets that have a place among what is under way at once.
    pub(crate) connections: HashMap<u32, Connection>,
    pub(crate) memory: Memory,
    pub(crate) meter: Arc<Meter>,
    pub(crate) ledger: Arc<Ledger>,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.http, table: &mut self.table, ctx: &mut self.http_ctx }
    }
}

impl State {
    pub(crate) fn fs(&mut self) -> FsDoor<'_> {
        FsDoor {
            inner: WasiFilesystemCtxView { ctx: self.wasi.filesystem(), table: &mut self.table },
            tree: &mut self.tree,
            ledger: &self.ledger,
        }
    }

    pub(crate) fn sockets(&mut self) -> SocketDoor<'_> {
        SocketDoor {
            inner: WasiSocketsCtxView { ctx: self.wasi.sockets(), table: &mut self.table },
            ledger: &self.ledger,
            places: &mut self.connections,
        }
    }

    pub(crate) fn process(&mut self) -> ProcessDoor<'_> {
        ProcessDoor { table: &mut self.table, host: &self.host, processes: &self.processes, cwd: self.cwd.as_deref() }
    }

    pub(crate) fn clock(&mut self) -> ClockDoor<'_> {
        ClockDoor {
            real: WasiClocksCtxView { ctx: self.wasi.clocks(), table: &mut self.table },
            virtual_clock: self.virtual_clock.as_mut(),
        }
    }
}

/// The sum of all memories and tables of a call. The engine asks about each of them by itself.
pub(crate) struct Memory {
    total: u64,
    limit: u64,
    ledger: Arc<Ledger>,
}

impl Memory {
    pub(crate) fn new(limits: &Limits, ledger: Arc<Ledger>) -> Self {
        Self { total: 0, limit: limits.get(LimitKind::Memory), ledger }
    }

    /// A refusal is a trap, not a failed `memory.grow`: what runs out of memory then aborts anyway, and its trap
    /// would not say why.
    fn grow(&mut self, current: usize, desired: usize, max: Option<usize>, unit: usize) -> wasmtime::Result<bool> {
        // Beyond its own bound nothing grows: the guest is told so, and nothing is counted.
        if max.is_some_and(|max| desired > max) {
            return Ok(false);
        }
        let more = (desired.saturating_sub(current) as u64).saturating_mul(unit as u64);
        let total = self.total.saturating_add(more);
        if total > self.limit {
            return Err(self.ledger.hit(LimitKind::Memory).into());
        }
        self.ledger.take_memory(more)?;
        self.total = total;
        self.ledger.memory(total);
        Ok(true)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.ledger.give_memory(self.total);
    }
}

impl ResourceLimiter for Memory {
    fn memory_growing(&mut self, current: usize, desired: usize, max: Option<usize>) -> wasmtime::Result<bool> {
        self.grow(current, desired, max, 1)
    }

    fn table_growing(&mut self, current: usize, desired: usize, max: Option<usize>) -> wasmtime::Result<bool> {
        self.grow(current, desired, max, size_of::<usize>())
    }
}
