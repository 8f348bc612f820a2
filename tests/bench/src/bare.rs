//! The bare call: the same engine settings, a fresh instance with an empty WASI context, one typed function.

use anyhow::Result;
use wasmtime::{
    Engine, Store,
    component::{Component, Linker, ResourceTable, TypedFunc},
};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

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
