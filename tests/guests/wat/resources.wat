;; Exports a resource and a function that takes it, which cannot be tools, and a function that can.
(component
  (type $r' (resource (rep i32)))
  (export $r "handle" (type $r'))
  (core module $m
    (func (export "take") (param i32))
    (func (export "plain") (result i32) (i32.const 42)))
  (core instance $i (instantiate $m))
  (func $take (param "it" (borrow $r)) (canon lift (core func $i "take")))
  (func $plain (result u32) (canon lift (core func $i "plain")))
  (export "take" (func $take))
  (export "plain" (func $plain)))
