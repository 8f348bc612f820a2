//! The doors: one file per capability. A guest reaches nothing of the host but through one of them, and each of them
//! asks the grant and writes into the ledger.
//!
//! Environment variables and arguments need no code of their own: the engine's WASI context holds exactly what was
//! granted.

pub(crate) mod clock;
pub(crate) mod fs;
pub(crate) mod host;
pub(crate) mod http;
pub(crate) mod process;
pub(crate) mod random;
pub(crate) mod sockets;
pub(crate) mod stdio;

use crate::state::State;
use wasmtime::component::{HasData, Linker};
use wasmtime_wasi::p2::{self, bindings};

/// Says which view of the store's data a door works on.
struct View<T>(std::marker::PhantomData<T>);

impl HasData for View<fs::FsDoor<'static>> {
    type Data<'a> = fs::FsDoor<'a>;
}

impl HasData for View<sockets::SocketDoor<'static>> {
    type Data<'a> = sockets::SocketDoor<'a>;
}

impl HasData for View<process::ProcessDoor<'static>> {
    type Data<'a> = process::ProcessDoor<'a>;
}

impl HasData for View<clock::ClockDoor<'static>> {
    type Data<'a> = clock::ClockDoor<'a>;
}

/// Links every import that a component may have: the engine's WASI, with our doors in place of its own.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    p2::add_to_linker_async(linker)?;
    linker.allow_shadowing(true);
    bindings::filesystem::types::add_to_linker::<State, View<fs::FsDoor<'static>>>(linker, State::fs)?;
    bindings::filesystem::preopens::add_to_linker::<State, View<fs::FsDoor<'static>>>(linker, State::fs)?;
    bindings::clocks::monotonic_clock::add_to_linker::<State, View<clock::ClockDoor<'static>>>(linker, State::clock)?;
    bindings::clocks::wall_clock::add_to_linker::<State, View<clock::ClockDoor<'static>>>(linker, State::clock)?;
    bindings::sockets::tcp::add_to_linker::<State, View<sockets::SocketDoor<'static>>>(linker, State::sockets)?;
    bindings::sockets::udp::add_to_linker::<State, View<sockets::SocketDoor<'static>>>(linker, State::sockets)?;
    sockets::link_lookup(linker)?;
    linker.allow_shadowing(false);
    host::add_to_linker::<State, host::HostData>(linker, |state| &mut state.host)?;
    process::add_to_linker::<State, View<process::ProcessDoor<'static>>>(linker, State::process)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    Ok(())
}
