;; Its table has more elements than any call has room for.
(component
  (core module $m
    (table $t 10000000 funcref)
    (func (export "run") (result i32) (table.size $t)))
  (core instance $i (instantiate $m))
  (func (export "run") (result u32) (canon lift (core func $i "run"))))
