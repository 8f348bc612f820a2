//! A host of nothing but wasmtime, which writes down what it is asked.

mod server;

use server::Server;
use std::{
    path::Path,
    process::Command,
    sync::{Arc, Mutex, OnceLock},
};
use wasmtime::{
    Config, Engine, Store,
    component::{Component, Linker, LinkerInstance, ResourceTable, Val},
};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

const TARGET: &str = "wasm32-wasip2";

/// What was asked, a line each.
pub(crate) type Seen = Arc<Mutex<Vec<String>>>;

struct State {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    table: ResourceTable,
    server: Server,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.server, table: &mut self.table, ctx: &mut self.http }
    }
}

/// Calls a function of the package, and gives what the host was asked and what the function gave.
pub(crate) fn run(function: &str, arguments: &[Val]) -> (Vec<String>, Val) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let (linker, component) = asker();
        let seen = Seen::default();
        let server = Server { seen: Arc::clone(&seen) };
        let state = State { wasi: WasiCtx::default(), http: WasiHttpCtx::new(), table: ResourceTable::new(), server };
        let mut store = Store::new(linker.engine(), state);
        let instance = linker.instantiate_async(&mut store, component).await.expect("its imports are known");
        let interface = instance.get_export_index(&mut store, None, "acme:asker/asker@0.1.0").expect("the interface");
        let index = instance.get_export_index(&mut store, Some(&interface), function).expect("the function");
        let function = instance.get_func(&mut store, index).expect("a function");
        let mut results = [Val::Bool(false)];
        function.call_async(&mut store, arguments, &mut results).await.expect("no trap");
        let [result] = results;
        drop(store);
        (std::mem::take(&mut *seen.lock().expect("no panic")), result)
    })
}

/// A text, or a result of texts.
pub(crate) fn text(value: Val) -> Result<String, String> {
    let string = |value: Option<Box<Val>>| match value.map(|value| *value) {
        Some(Val::String(text)) => text,
        other => panic!("expected a text, not {other:?}"),
    };
    match value {
        Val::String(text) => Ok(text),
        Val::Result(Ok(value)) => Ok(string(value)),
        Val::Result(Err(value)) => Err(string(value)),
        other => panic!("expected a result, not {other:?}"),
    }
}

fn asker() -> &'static (Linker<State>, Component) {
    static ASKER: OnceLock<(Linker<State>, Component)> = OnceLock::new();
    ASKER.get_or_init(|| {
        let mut config = Config::new();
        config.concurrency_support(false);
        let engine = Engine::new(&config).expect("an engine");
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).expect("WASI");
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker).expect("HTTP");
        add_host(&mut linker.instance("gloveport:tool/host@0.1.0").expect("a new name"));
        let component = Component::new(&engine, build()).expect("a component");
        (linker, component)
    })
}

/// The interface as `sdk/wit/host.wit` has it; wasmtime checks the component's import against the values.
fn add_host(host: &mut LinkerInstance<'_, State>) {
    let word = |value: &Val| match value {
        Val::String(text) | Val::Enum(text) => text.clone(),
        other => panic!("{other:?}"),
    };
    let invoke = move |store: wasmtime::StoreContextMut<'_, State>, arguments: &[Val]| {
        let (tool, text) = (word(&arguments[0]), word(&arguments[1]));
        store.data().server.note(format!("invoke {tool} {text}"));
        let it = || Some(Box::new(Val::String("it".into())));
        Val::Result(match tool.as_str() {
            "math.add" => Ok(Some(Box::new(Val::String("3".into())))),
            "text.count" => Ok(Some(Box::new(Val::String("{}".into())))),
            other => Err(Some(Box::new(Val::Variant(other.trim_start_matches("a.").into(), it())))),
        })
    };
    host.func_new("invoke", move |store, _, arguments, results| {
        results[0] = invoke(store, arguments);
        Ok(())
    })
    .expect("a new name");
    host.func_new("log", move |store, _, arguments, _| {
        store.data().server.note(format!("log {} {}", word(&arguments[0]), word(&arguments[1])));
        Ok(())
    })
    .expect("a new name");
    host.func_new("progress", move |store, _, arguments, _| {
        let [Val::U64(done), Val::Option(total), message] = arguments else { panic!("{arguments:?}") };
        let total = total.as_deref().map(|total| match total {
            Val::U64(total) => total,
            other => panic!("{other:?}"),
        });
        store.data().server.note(format!("progress {done} {total:?} {}", word(message)));
        Ok(())
    })
    .expect("a new name");
}

/// The component that cargo makes of this package.
fn build() -> Vec<u8> {
    // `CARGO_TARGET_TMPDIR` is the folder `tmp` in the target folder that this test came from.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("a target folder");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--release", "--package", "asker", "--target", TARGET, "--target-dir"])
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let file = target.join(TARGET).join("release/asker.wasm");
    std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}
