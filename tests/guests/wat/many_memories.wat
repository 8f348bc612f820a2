;; Two memories in two instances, each within the limit, together above it.
(component
  (core module $m
    (memory (export "memory") 1)
    (func (export "grow") (result i32) (memory.grow (i32.const 1500))))
  (core instance $a (instantiate $m))
  (core instance $b (instantiate $m))
  (core module $both
    (import "a" "grow" (func $a (result i32)))
    (import "b" "grow" (func $b (result i32)))
    (func (export "run") (result i32) (i32.add (call $a) (call $b))))
  (core instance $i (instantiate $both (with "a" (instance $a)) (with "b" (instance $b))))
  (func $f (result u32) (canon lift (core func $i "run")))
  (export "run" (func $f)))
