;; More memories than any component may have.
(component
  (core module $m (memory (export "memory") 1))
  (core instance (instantiate $m)) (core instance (instantiate $m)) (core instance (instantiate $m))
  (core instance (instantiate $m)) (core instance (instantiate $m)) (core instance (instantiate $m))
  (core module $n (func (export "run") (result i32) (i32.const 1)))
  (core instance $i (instantiate $n))
  (func $f (result u32) (canon lift (core func $i "run")))
  (export "run" (func $f)))
