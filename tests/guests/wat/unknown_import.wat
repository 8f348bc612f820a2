;; Imports an interface that no host has.
(component
  (import "acme:evil/door@1.0.0" (instance (export "open" (func))))
  (core module $m (func (export "run") (result i32) (i32.const 1)))
  (core instance $i (instantiate $m))
  (func $f (result u32) (canon lift (core func $i "run")))
  (export "run" (func $f)))
