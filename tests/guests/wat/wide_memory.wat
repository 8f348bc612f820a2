;; Its memory has addresses of 64 bits.
(component
  (core module $m
    (memory i64 1)
    (func (export "run") (result i32) (i32.load (i64.const 0xffffffffff))))
  (core instance $i (instantiate $m))
  (func (export "run") (result u32) (canon lift (core func $i "run"))))
