;; Exports two interfaces whose short names and functions are the same, and a function of that name beside them.
(component
  (core module $m
    (func (export "one") (result i32) (i32.const 1))
    (func (export "two") (result i32) (i32.const 2))
    (func (export "three") (result i32) (i32.const 3)))
  (core instance $i (instantiate $m))
  (func $one (result u32) (canon lift (core func $i "one")))
  (func $two (result u32) (canon lift (core func $i "two")))
  (func $three (result u32) (canon lift (core func $i "three")))
  (instance $a (export "run" (func $one)))
  (instance $b (export "run" (func $two)))
  (export "honest:package/api@1.0.0" (instance $a))
  (export "hostile:package/api@1.0.0" (instance $b))
  (export "run" (func $three)))
