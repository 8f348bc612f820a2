;; Components that each have the one before twice: a handful of lines, and 2^24 instances.
(component
  (component $c0
    (core module $m (func (export "run") (result i32) (i32.const 1)))
    (core instance $i (instantiate $m))
    (func (export "run") (result u32) (canon lift (core func $i "run"))))
  (component $c1
    (alias outer 1 $c0 (component $c))
    (instance $a (instantiate $c)) (instance $b (instantiate $c))
    (export "run" (func $a "run")))
  (component $c2
    (alias outer 1 $c1 (component $c))
    (instance $a (instantiate $c)) (instance $b (instantiate $c))
    (export "run" (func $a "run")))
  (component $c3
    (alias outer 1 $c2 (component $c))
    (instance $a (instantiate $c)) (instance $b (instantiate $c))
    (export "run" (func $a "run")))
  (component $c4
    (alias outer 1 $c3 (component $c))
    (instance $a (instantiate $c)) (instance $b (instantiate $c))
    (export "run" (func $a "run")))
  (component $c5
    (alias outer 1 $c4 (component $c))
    (instance $a (instantiate $c)) (instance $b (instantiate $c))
    (export "run" (func $a "run")))
  (component $c6
    (alias outer 1 $c5 (component $c))
    (instance $a (instantiate $c)) (instance $b (instantiate $c))
    (export "run" (func $a "run")))
  (component $c7
    (alias outer 1 $c6 (component $c))
    (instance $a (instantiate $c)) (instance $b (instantiate $c))
    (export "run" (func $a "run")))
  (component $c8
    (alias outer 1 $c7 (component $c))
    (instance $a (instantiate $c)) (instance $b (instantiate $c))
    (export "run" (func $a "run")))
  (component $c9
    (alias outer 1 $c8 (component $c))
    (instance $a (instantiate $c)) (instance $b (instantiate $c))
    (export "run" (func $a "run")))
  (component $c10
    (alias outer 1 $c9 (component $c))
    (instance $a (instantiate $c)) (instance $b (instantiate $c))
    (export "run" (func $a "run")))
  (component $c11
    (alias outer 1 $c10 (component $c))
    (instance $a (instantiate $c)) (instance $b (instantiate $c))
    (export "run" (func $a "run")))
  (component $c12
    (alias outer 1 $c11 (component $c))
    (instance $a (instantiate $c)) (instance $b (instantiate $c))
    (export "run" (func $a "run")))
  (component $c13
    (alias outer 1 $c12 (component $c))
    (instance $a (instantiate $c)) (instance $b (instantiate $c))
    (export "run" (func $a "run")))
  (component $c14
    (alias outer 1 $c13 (component $c))
    (instance $a (instantiate $c)) (instance $b (instantiate $c))
    (export "run" (func $a "run")))
  (component $c15
    (alias outer 1 $c14 (component $c))
    (instance $a (instantiate $c)) (instance $b (instantiate $c))
    (export "run" (func $a "run")))
  (component $c16
    (alias outer 1 $c15 (component $c))
    (instance $a (instantiate $c)) (instance $b (instantiate $c))
    (export "run" (func $a "run")))
  (component $c17
    (alias outer 1 $c16 (component $c))
    (instance $a (instantiate $c)) (instance $b (instantiate $c))
    (export "run" (func $a "run")))
  (component $c18
    (alias outer 1 $c17 (component $c))
    (instance $a (instantiate $c)) (instance $b (instantiate $c))
    (export "run" (func $a "run")))
  (component $c19
    (alias outer 1 $c18 (component $c))
    (instance $a (instantiate $c)) (instance $b (instantiate $c))
    (export "run" (func $a "run")))
  (component $c20
    (alias outer 1 $c19 (component $c))
    (instance $a (instantiate $c)) (instance $b (instantiate $c))
    (export "run" (func $a "run")))
  (component $c21
    (alias outer 1 $c20 (component $c))
    (instance $a (instantiate $c)) (instance $b (instantiate $c))
    (export "run" (func $a "run")))
  (component $c22
    (alias outer 1 $c21 (component $c))
    (instance $a (instantiate $c)) (instance $b (instantiate $c))
    (export "run" (func $a "run")))
  (component $c23
    (alias outer 1 $c22 (component $c))
    (instance $a (instantiate $c)) (instance $b (instantiate $c))
    (export "run" (func $a "run")))
  (component $c24
    (alias outer 1 $c23 (component $c))
    (instance $a (instantiate $c)) (instance $b (instantiate $c))
    (export "run" (func $a "run")))
  (instance $all (instantiate $c24))
  (export "run" (func $all "run")))
