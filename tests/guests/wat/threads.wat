;; Shares its memory among threads, which this host does not have.
(component
  (core module $m
    (memory 1 2 shared)
    (func (export "run") (result i32) (i32.atomic.rmw.add (i32.const 0) (i32.const 1))))
  (core instance $i (instantiate $m))
  (func (export "run") (result u32) (canon lift (core func $i "run"))))
