;; Does not get past its own start.
(component
  (core module $m
    (func $start unreachable)
    (start $start)
    (func (export "run") (result i32) (i32.const 1)))
  (core instance $i (instantiate $m))
  (func (export "run") (result u32) (canon lift (core func $i "run"))))
