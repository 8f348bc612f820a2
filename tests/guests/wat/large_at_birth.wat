;; Its memory is larger than its limit before its first instruction.
(component
  (core module $m
    (memory 3000)
    (func (export "run") (result i32) (memory.size)))
  (core instance $i (instantiate $m))
  (func (export "run") (result u32) (canon lift (core func $i "run"))))
