;; Imports an interface of the next WASI.
(component
  (import "wasi:cli/environment@0.3.0" (instance (export "get-arguments" (func (result (list string))))))
  (core module $m (func (export "run") (result i32) (i32.const 1)))
  (core instance $i (instantiate $m))
  (func (export "run") (result u32) (canon lift (core func $i "run"))))
