;; Gives lists that take little of its own memory and much of its host's.
(component
  (core module $m
    (memory (export "memory") 1)
    ;; The place and the length of a list of so many elements, each two bytes long at most.
    (func (export "list") (param i32) (result i32)
      (drop (memory.grow (i32.div_u (local.get 0) (i32.const 32768))))
      (i32.store (i32.const 0) (i32.const 1024))
      (i32.store (i32.const 4) (local.get 0))
      (i32.const 0)))
  (core instance $i (instantiate $m))
  (alias core export $i "memory" (core memory $memory))
  (func (export "truths") (param "count" u32) (result (list bool))
    (canon lift (core func $i "list") (memory $memory)))
  (func (export "nothings") (param "count" u32) (result (list (option bool)))
    (canon lift (core func $i "list") (memory $memory)))
  (func (export "bytes") (param "count" u32) (result (list u8))
    (canon lift (core func $i "list") (memory $memory))))
