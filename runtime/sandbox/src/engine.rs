//! The engine, and why each of its settings is what it is. Figures were measured with wasmtime 48 on two-core
//! machines; `tests/bench` measures the whole path.

use std::{num::NonZeroUsize, time::Duration};
use wasmtime::{Config, Enabled, Engine, OptLevel, PoolingAllocationConfig};

/// How often a running guest looks whether it has to stop or to let others run. A runaway guest stops within one to
/// three of these after its limit.
pub(crate) const TICK: Duration = Duration::from_millis(1);

/// How many elements a table may have. JavaScript engines need 7,700.
const TABLE_ELEMENTS: usize = 20_000;

/// What one component can be made of. Adapters of preview 1 modules are core instances of their own, with tables.
const CORE_INSTANCES: u32 = 20;
const MEMORIES: u32 = 2;
const TABLES: u32 = 4;

/// The stack that a guest's own code may use. It lies on the fiber's stack, which is twice as large, so that host
/// functions called at the deepest point still have room.
const WASM_STACK: usize = 256 << 10;

const MIB: usize = 1 << 20;

/// The configuration for `slots` calls at once; public for benchmarks, which compare with the same engine.
pub fn config(slots: u32, fuel: bool) -> Config {
    let mut config = Config::new();
    config
        // Component-model concurrency costs 2.4 us a call and serves WASI 0.3 only, which is off.
        .concurrency_support(false)
        .cranelift_opt_level(OptLevel::Speed)
        // Every limit on time stands on it. 4 to 16 % on CPU-bound code.
        .epoch_interruption(true)
        // Counts instructions, for a limit that is hit at the same one each time: 4 to 26 %, so only where it is asked for.
        .consume_fuel(fuel)
        // A fresh instance's memory is a copy-on-write image: no copying at instantiation.
        .memory_init_cow(true)
        .table_lazy_init(true)
        .async_stack_size(2 * WASM_STACK)
        .max_wasm_stack(WASM_STACK)
        // A stack that another call has used holds its data (RUSTSEC-2026-0088): 1.5 us for zeroing it.
        .async_stack_zeroing(true)
        // A trap deep in a recursion would otherwise carry thousands of frames in its message.
        .wasm_backtrace_max_frames(NonZeroUsize::new(20))
        // Messages name functions, not addresses, and nothing unwinds through guests from outside: without the tables for
        // both, the compiled code of `text` takes 3.5 MB and not 4.0.
        .generate_address_map(false)
        .native_unwind_info(cfg!(windows))
        // What components of WASI 0.2 do not need is not offered: each is code that a hostile component can reach.
        .shared_memory(false)
        .wasm_gc(false)
        .wasm_function_references(false)
        .wasm_exceptions(false)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_tail_call(false)
        .wasm_relaxed_simd(false)
        .wasm_extended_const(false);
    config.allocation_strategy(pool(slots));
    config
}

/// Slots that are made once and reused: a fresh instance costs a reset of what the last one dirtied.
fn pool(slots: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::default();
    // The totals are what every slot can take at most: a package that takes much must not take it from others.
    pool.total_component_instances(slots)
        .total_core_instances(slots.saturating_mul(CORE_INSTANCES))
        .total_memories(slots.saturating_mul(MEMORIES))
        .total_tables(slots.saturating_mul(TABLES))
        .total_stacks(slots)
        .max_core_instances_per_component(CORE_INSTANCES)
        .max_memories_per_component(MEMORIES)
        .max_tables_per_component(TABLES)
        .table_elements(TABLE_ELEMENTS)
        .max_memory_size(256 * MIB)
        // Resetting by memset what is small, and scanning which pages were dirtied: 8 us a call instead of 18.6,
        // and no contention on the address space between threads.
        .linear_memory_keep_resident(4 * MIB)
        .table_keep_resident(MIB)
        .async_stack_keep_resident(64 << 10)
        .pagemap_scan(Enabled::Auto)
        .decommit_batch_size(1)
        .max_unused_warm_slots(100);
    pool
}

/// Advances the epoch until the engine is dropped.
pub(crate) fn tick(engine: &Engine) -> std::io::Result<()> {
    let engine = engine.weak();
    let ticker = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    };
    std::thread::Builder::new().name("gloveport-epoch".into()).spawn(ticker).map(drop)
}
