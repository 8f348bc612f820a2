;; Its functions and parameters have the names of keywords, in many languages, and of what a record holds itself.
(component
  (core module $m (func (export "run") (param i32 i32 i32) (result i32) (i32.add (local.get 0) (local.get 2))))
  (core instance $i (instantiate $m))
  (func $f (param "type" u32) (param "self" u32) (param "constructor" u32) (result u32)
    (canon lift (core func $i "run")))
  (export "type" (func $f))
  (export "self" (func $f))
  (export "constructor" (func $f))
  (export "to-string" (func $f))
  (export "null" (func $f))
  (export "con" (func $f))
  (export "A-B" (func $f)))
