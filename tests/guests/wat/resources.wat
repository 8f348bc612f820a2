;; Exports a resource and a function that takes it, which cannot be tools, and a function that can.
(component
  (type $handle (resource (rep i32)))
  (core module $m
    (func (export "take") (param i32))
    (func (export "plain") (result i32) (i32.const 42)))
  (core instance $i (instantiate $m))
  (func $take (param "it" (borrow $handle)) (canon lift (core func $i "take")))
  (func $plain (result u32) (canon lift (core func $i "plain")))
  ;; Only an instance can export a type together with functions over it.
  (component $shim
    (import "import-type-handle" (type $r (sub resource)))
    (import "import-func-take" (func $take (param "it" (borrow $r))))
    (import "import-func-plain" (func $plain (result u32)))
    (export $exported "handle" (type $r))
    (export "take" (func $take) (func (param "it" (borrow $exported))))
    (export "plain" (func $plain)))
  (instance $api (instantiate $shim
    (with "import-type-handle" (type $handle))
    (with "import-func-take" (func $take))
    (with "import-func-plain" (func $plain))))
  (export "guests:resources/api" (instance $api)))
