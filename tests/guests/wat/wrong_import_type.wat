;; Imports an interface that exists, with a function of another type.
(component
  (import "wasi:cli/environment@0.2.0" (instance (export "get-arguments" (func (param "secret" u64) (result u64)))))
  (core module $m (func (export "run") (result i32) (i32.const 1)))
  (core instance $i (instantiate $m))
  (func $f (result u32) (canon lift (core func $i "run")))
  (export "run" (func $f)))
