;; Its memory is as large as a memory can be.
(component
  (core module $m
    (memory 65536)
    (func (export "run") (result i32) (memory.size)))
  (core instance $i (instantiate $m))
  (func (export "run") (result u32) (canon lift (core func $i "run"))))
