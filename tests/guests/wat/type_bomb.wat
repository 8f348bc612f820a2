;; A type of 2^24 parts that takes 24 lines to write.
(component
  (type $t0 (tuple u8 u8)) (type $t1 (tuple $t0 $t0)) (type $t2 (tuple $t1 $t1)) (type $t3 (tuple $t2 $t2))
  (type $t4 (tuple $t3 $t3)) (type $t5 (tuple $t4 $t4)) (type $t6 (tuple $t5 $t5)) (type $t7 (tuple $t6 $t6))
  (type $t8 (tuple $t7 $t7)) (type $t9 (tuple $t8 $t8)) (type $ta (tuple $t9 $t9)) (type $tb (tuple $ta $ta))
  (type $big (list $tb))
  (core module $m
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0))
    (func (export "run") (param i32 i32)))
  (core instance $i (instantiate $m))
  (func $f (param "it" $big)
    (canon lift (core func $i "run") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
  (export "run" (func $f)))
