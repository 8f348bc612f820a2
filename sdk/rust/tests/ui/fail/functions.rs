#[gloveport::tools]
mod text {
    pub async fn later() {}
    pub fn generic<T>(value: T) {}
    pub fn opaque(value: impl Into<String>) {}
    pub fn method(self) {}
    pub unsafe fn sharp() {}
    pub extern "C" fn foreign() {}
    pub fn pattern((a, b): (u8, u8)) {}
    #[cfg(test)]
    pub fn sometimes() {}
    #[tool(fast)]
    pub fn set() {}
    #[tool(key = "nonce")]
    pub fn keyed(key: String) {}
    #[tool(key = "key")]
    pub fn required(key: String) {}
    #[tool(pure, idempotent)]
    pub fn both() {}
}
fn main() {}
