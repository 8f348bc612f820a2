//! The bare call: the same engine settings, a fresh instance with an empty WASI context, one typed function.

use anyhow::Result;
use std::path::{Path, PathBuf};
use tokio::runtime::Runtime;
use wasmtime::{
    Engine, Store,
    component::{Component, Linker, ResourceTable, TypedFunc},
};
use wasmtime_wasi::{
    FsPerms, WasiCtx, WasiCtxView, WasiView,
    p2::bindings::{Command, CommandPre},
};

struct State {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// What a user of wasmtime would write.
pub(crate) struct Bare {
    engine: Engine,
    pre: wasmtime::component::InstancePre<State>,
    echo: wasmtime::component::ComponentExportIndex,
}

impl Bare {
    pub(crate) fn new(wasm: &[u8], slots: u32) -> Result<Self> {
        let engine = Engine::new(&sandbox::engine_config(slots, false)).map_err(anyhow::Error::msg)?;
        let component = Component::new(&engine, wasm).map_err(anyhow::Error::msg)?;
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).map_err(anyhow::Error::msg)?;
        let interface = component.get_export_index(None, "guests:odd/odd@1.2.3").expect("exported");
        let echo = component.get_export_index(Some(&interface), "echo").expect("exported");
        let pre = linker.instantiate_pre(&component).map_err(anyhow::Error::msg)?;
        Ok(Self { engine, pre, echo })
    }

    pub(crate) async fn echo(&self, text: &str) -> wasmtime::Result<String> {
        let state = State { wasi: WasiCtx::builder().build(), table: ResourceTable::new() };
        let mut store = Store::new(&self.engine, state);
        store.set_epoch_deadline(u64::MAX / 2);
        let instance = self.pre.instantiate_async(&mut store).await?;
        let echo: TypedFunc<(&str,), (String,)> = instance.get_typed_func(&mut store, self.echo)?;
        Ok(echo.call_async(&mut store, (text,)).await?.0)
    }
}

/// A command with one directory, as a user of wasmtime-wasi would run it.
pub(crate) struct BareCommand {
    engine: Engine,
    pre: CommandPre<State>,
    directory: PathBuf,
    runtime: Runtime,
}

impl BareCommand {
    pub(crate) fn new(wasm: &[u8], directory: &Path) -> Result<Self> {
        let engine = Engine::new(&sandbox::engine_config(64, false)).map_err(anyhow::Error::msg)?;
        let component = Component::new(&engine, wasm).map_err(anyhow::Error::msg)?;
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).map_err(anyhow::Error::msg)?;
        let pre = linker.instantiate_pre(&component).map_err(anyhow::Error::msg)?;
        let pre = CommandPre::new(pre).map_err(anyhow::Error::msg)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { engine, pre, directory: directory.to_owned(), runtime })
    }

    pub(crate) fn run(&self, args: &[String]) -> Result<()> {
        let mut wasi = WasiCtx::builder();
        wasi.arg("bare").args(args);
        wasi.preopened_dir(&self.directory, "/out", FsPerms::ReadWrite).map_err(anyhow::Error::msg)?;
        let state = State { wasi: wasi.build(), table: ResourceTable::new() };
        let mut store = Store::new(&self.engine, state);
        store.set_epoch_deadline(u64::MAX / 2);
        self.runtime.block_on(async {
            let command: Command = self.pre.instantiate_async(&mut store).await.map_err(anyhow::Error::msg)?;
            let ended = command.wasi_cli_run().call_run(&mut store).await.map_err(anyhow::Error::msg)?;
            ended.map_err(|()| anyhow::Error::msg("it failed"))
        })
    }
}
