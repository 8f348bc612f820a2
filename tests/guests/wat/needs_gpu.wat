;; Its manifest needs what no door gives.
(component
  (@custom "gloveport:manifest" "{\"manifest\":1,\"namespace\":\"a\",\"name\":\"b\",\"version\":\"1.0.0\",\"needs\":{\"gpu\":true}}")
  (core module $m (func (export "run") (result i32) (i32.const 1)))
  (core instance $i (instantiate $m))
  (func $f (result u32) (canon lift (core func $i "run")))
  (export "run" (func $f)))
