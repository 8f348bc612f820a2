;; Imports a known interface of a version that does not exist, with a function that it does not have.
(component
  (import "wasi:clocks/monotonic-clock@0.2.99" (instance (export "set" (func (param "to" u64)))))
  (core module $m (func (export "run") (result i32) (i32.const 1)))
  (core instance $i (instantiate $m))
  (func (export "run") (result u32) (canon lift (core func $i "run"))))
