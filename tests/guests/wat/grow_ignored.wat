;; Asks for memory and tables beyond what it declares itself, and asks again whatever it is told.
(component
  (core module $m
    (memory 1 3)
    (table $t 1 3 funcref)
    (func (export "count") (result i32) (local $got i32)
      (drop (memory.grow (i32.const 100)))
      (drop (table.grow $t (ref.null func) (i32.const 100)))
      (drop (memory.grow (i32.const -1)))
      (i32.add (memory.size) (table.size $t)))
    (func (export "forever") (result i32)
      (loop $again (drop (memory.grow (i32.const 1))) (br $again))
      (i32.const 0)))
  (core instance $i (instantiate $m))
  (func (export "count") (result u32) (canon lift (core func $i "count")))
  (func (export "forever") (result u32) (canon lift (core func $i "forever"))))
