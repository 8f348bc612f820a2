;; Imports a plain function, of no interface at all, and a module.
(component
  (import "system" (func (param "command" string) (result u32)))
  (core module $m (func (export "run") (result i32) (i32.const 1)))
  (core instance $i (instantiate $m))
  (func (export "run") (result u32) (canon lift (core func $i "run"))))
