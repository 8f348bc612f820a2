;; Imports an interface that is called WASI's, and that this host does not have.
(component
  (import "wasi:processes/spawn@0.2.0" (instance (export "run" (func (param "command" string)))))
  (core module $m (func (export "run") (result i32) (i32.const 1)))
  (core instance $i (instantiate $m))
  (func (export "run") (result u32) (canon lift (core func $i "run"))))
