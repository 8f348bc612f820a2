;; Grows a table until it may not.
(component
  (core module $m
    (table $t 1 funcref)
    (func (export "run") (result i32)
      (loop $more
        (br_if $more (i32.ne (table.grow $t (ref.null func) (i32.const 1000)) (i32.const -1))))
      (table.size $t)))
  (core instance $i (instantiate $m))
  (func $f (result u32) (canon lift (core func $i "run")))
  (export "run" (func $f)))
