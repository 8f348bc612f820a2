//! Random numbers. The virtual generator is ChaCha from a seed: the same call draws the same numbers.

use rand::{SeedableRng as _, rngs::StdRng};
use wasmtime_wasi::WasiCtxBuilder;

/// How many bytes a guest may ask for at once: the host allocates them.
const MAX_AT_ONCE: u64 = 64 << 10;

/// Puts the generators of one call into its context.
pub(crate) fn open(builder: &mut WasiCtxBuilder, seed: Option<u64>) {
    builder.max_random_size(MAX_AT_ONCE);
    // What the context makes by itself draws from the operating system.
    if let Some(seed) = seed {
        builder
            .secure_random(StdRng::seed_from_u64(seed))
            .insecure_random(StdRng::seed_from_u64(!seed))
            .insecure_random_seed(u128::from(seed));
    }
}
